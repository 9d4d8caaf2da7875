// The few names of Arduino that the sketch uses, for a computer: a clock that goes on when it is asked, pins that give
// known values, a serial port that is the standard output.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { A0, A1, A2, INPUT };

static uint32_t now_us = 0, readings = 0;

inline uint32_t micros() { return now_us += 500; }
inline void pinMode(int, int) {}
inline int digitalRead(int pin) { return pin == 10 && readings % 100 == 99; } // every hundredth: an electrode is off
inline int analogRead(int pin) {
  if (pin == A0)
    return (int)(512 + readings++ % 100); // a ramp
  return pin == A1 ? 700 : 256;
}

struct {
  void begin(long) {}
  size_t write(const uint8_t *data, size_t size) { return fwrite(data, 1, size, stdout); }
} Serial;
