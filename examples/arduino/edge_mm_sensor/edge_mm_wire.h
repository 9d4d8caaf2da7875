// What edge-mm reads from a serial port, written: lines with a check sum, and binary packets.
//
// In: numbers. Out: bytes in a buffer of the caller's. Needs no Arduino: it compiles on any C++11 compiler.
// Not here: reading sensors, sending. The bytes are defined in edge_mm/sources/pages/serial.md.

#ifndef EDGE_MM_WIRE_H
#define EDGE_MM_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Kinds of channels.
enum EdgeMmKind : uint8_t {
  EDGE_MM_ECG = 1,             // mV
  EDGE_MM_PPG = 2,             // any
  EDGE_MM_EDA = 3,             // uS
  EDGE_MM_TEMP = 4,            // degC
  EDGE_MM_ACC = 5,             // g, three numbers
  EDGE_MM_GYRO = 6,            // deg/s, three numbers
  EDGE_MM_HEART_RATE = 16,     // bpm
  EDGE_MM_RR = 17,             // s
  EDGE_MM_SPO2 = 18,           // %
  EDGE_MM_BLOOD_PRESSURE = 19, // mmHg, three numbers
  EDGE_MM_BODY_TEMP = 20,      // degC
  EDGE_MM_SPEED = 21,          // km/h
  EDGE_MM_NUMBER = 22          // any
};

// How a number is written. Its most negative value means: missing.
enum EdgeMmFormat : uint8_t { EDGE_MM_INT16 = 0, EDGE_MM_INT24 = 1, EDGE_MM_INT32 = 2 };

const int32_t EDGE_MM_MISSING = INT32_MIN; // in any format

struct EdgeMmChannel {
  uint8_t kind;
  uint8_t format;
  uint32_t millihertz; // 0 of a reading
  float scale;         // unit per count
  float offset;        // value at count 0
};

const size_t EDGE_MM_LONGEST_BODY = 248;
const size_t EDGE_MM_AROUND = 8; // bytes of a packet beside its body

// CRC-16/CCITT-FALSE.
inline uint16_t edge_mm_crc16(const uint8_t *data, size_t size) {
  uint16_t crc = 0xFFFF;
  for (size_t i = 0; i < size; i++) {
    crc ^= (uint16_t)((uint16_t)data[i] << 8);
    for (uint8_t bit = 0; bit < 8; bit++)
      crc = (crc & 0x8000) ? (uint16_t)((uint16_t)(crc << 1) ^ 0x1021) : (uint16_t)(crc << 1);
  }
  return crc;
}

// Builds one packet after the other in a buffer.
class EdgeMmPacket {
public:
  // The buffer holds EDGE_MM_AROUND bytes and the longest body that is meant.
  EdgeMmPacket(uint8_t *buffer, size_t room) : out_(buffer), room_(room) {}

  // Describe the sensor; send it first, and every second.
  size_t describe(uint8_t number, const EdgeMmChannel *channels, uint8_t count) {
    begin(0x10);
    put(number);
    put(count);
    for (uint8_t i = 0; i < count; i++) {
      put(channels[i].kind);
      put(channels[i].format);
      put32(channels[i].millihertz);
      putFloat(channels[i].scale);
      putFloat(channels[i].offset);
    }
    return finish();
  }

  // Begin a packet of samples: which channels are in each frame, and the index of its first frame.
  void samples(uint8_t number, uint16_t mask, uint16_t first) {
    begin(0x11);
    put(number);
    put16(mask);
    put16(first);
  }

  // The next number of a frame. A number that its format does not hold is missing, never another one.
  void add(int32_t count, uint8_t format) {
    const uint8_t bytes = format == EDGE_MM_INT16 ? 2 : format == EDGE_MM_INT24 ? 3 : 4;
    const int32_t least = bytes == 2 ? -32768L : bytes == 3 ? -8388608L : INT32_MIN;
    const int32_t most = bytes == 2 ? 32767L : bytes == 3 ? 8388607L : INT32_MAX;
    const uint32_t bits = (uint32_t)((count < least || count > most) ? least : count);
    for (uint8_t i = 0; i < bytes; i++)
      put((uint8_t)(bits >> (8 * i)));
  }

  // End it; gives its size in the buffer, 0 where it did not fit.
  size_t finish() {
    const size_t body = size_ - 6;
    if (size_ + 2 > room_ || body > EDGE_MM_LONGEST_BODY)
      return 0;
    out_[3] = (uint8_t)body;
    const uint16_t crc = edge_mm_crc16(out_ + 2, size_ - 2);
    put16(crc);
    sequence_++;
    return size_;
  }

private:
  void begin(uint8_t type) {
    size_ = 0;
    put(0xED);
    put(0x4D);
    put(type);
    put(0);
    put16(sequence_);
  }
  void put(uint8_t byte) {
    if (size_ < room_)
      out_[size_] = byte;
    size_++;
  }
  void put16(uint16_t word) {
    put((uint8_t)word);
    put((uint8_t)(word >> 8));
  }
  void put32(uint32_t word) {
    put16((uint16_t)word);
    put16((uint16_t)(word >> 16));
  }
  void putFloat(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put32(bits);
  }

  uint8_t *out_;
  size_t room_;
  size_t size_ = 0;
  uint16_t sequence_ = 0;
};

// Builds one line after the other in a buffer, each with its check sum.
class EdgeMmLine {
public:
  EdgeMmLine(char *buffer, size_t room) : out_(buffer), room_(room) {}

  // A header: everything after "#edge-mm ".
  size_t header(const char *text) {
    begin();
    write("#edge-mm ");
    write(text);
    return finish();
  }

  // Begin a line of values.
  void begin() {
    size_ = 0;
    first_ = true;
  }

  // The next value, in thousandths; EDGE_MM_MISSING is "nan".
  void add(int32_t thousandths) {
    if (!first_)
      put(',');
    first_ = false;
    if (thousandths == EDGE_MM_MISSING) {
      write("nan");
      return;
    }
    uint32_t rest = thousandths < 0 ? 0 - (uint32_t)thousandths : (uint32_t)thousandths;
    if (thousandths < 0)
      put('-');
    char digits[11];
    uint8_t count = 0;
    for (; count < 4 || rest; rest /= 10)
      digits[count++] = (char)('0' + rest % 10);
    while (count) {
      put(digits[--count]);
      if (count == 3)
        put('.');
    }
  }

  // End it with check sum and line end; gives its size in the buffer, 0 where it did not fit.
  size_t finish() {
    if (size_ + 4 > room_)
      return 0;
    uint8_t sum = 0;
    for (size_t i = 0; i < size_; i++)
      sum ^= (uint8_t)out_[i];
    const char *hex = "0123456789ABCDEF";
    put('*');
    put(hex[sum >> 4]);
    put(hex[sum & 15]);
    put('\n');
    return size_;
  }

private:
  void put(char letter) {
    if (size_ < room_)
      out_[size_] = letter;
    size_++;
  }
  void write(const char *text) {
    while (*text)
      put(*text++);
  }

  char *out_;
  size_t room_;
  size_t size_ = 0;
  bool first_ = true;
};

#endif
