// Runs the sketch for a little more than four seconds of its own clock.

#include "Arduino.h"

#include "edge_mm_sensor.ino"

int main() {
  setup();
  while (now_us < 4100000)
    loop();
}
