// Writes what is hard: the ends of every format, a packet that does not fit, negative thousandths.

#include "edge_mm_wire.h"

#include <stdio.h>
#include <string.h>

static uint8_t room[EDGE_MM_AROUND + EDGE_MM_LONGEST_BODY];
static EdgeMmPacket packet(room, sizeof room);

static void send(size_t size) { fwrite(room, 1, size, stdout); }

static int packets() {
  const EdgeMmChannel channels[] = {
      {EDGE_MM_ECG, EDGE_MM_INT16, 250000, 0.5f, 1.0f},
      {EDGE_MM_PPG, EDGE_MM_INT24, 250000, 1.0f, 0.0f},
      {EDGE_MM_EDA, EDGE_MM_INT32, 250000, 1.0f, 0.0f},
      {EDGE_MM_SPEED, EDGE_MM_INT16, 0, 0.1f, 0.0f},
  };
  send(packet.describe(7, channels, 4));
  const int32_t counts[] = {0, 1, -1, 32767, -32767, 32768, 8388607, 8388608, INT32_MAX, EDGE_MM_MISSING};
  packet.samples(7, 7, 0);
  for (int32_t count : counts)
    for (uint8_t format = 0; format < 3; format++)
      packet.add(count, format);
  send(packet.finish());
  packet.samples(7, 8, 0);
  packet.add(1234, EDGE_MM_INT16);
  send(packet.finish());
  packet.samples(7, 7, 10);
  for (int i = 0; i < 300; i++)
    packet.add(i, EDGE_MM_INT16);
  return packet.finish() == 0 ? 0 : 1;
}

static int lines() {
  char text[32];
  EdgeMmLine line(text, sizeof text);
  const int32_t values[] = {0, 5, -5, 1500, -123456, INT32_MAX, EDGE_MM_MISSING};
  for (int32_t value : values) {
    line.begin();
    line.add(value);
    line.add(7000);
    fwrite(text, 1, line.finish(), stdout);
  }
  return line.header("columns=much,too,long,for,the,buffer") == 0 ? 0 : 1;
}

int main(int count, char **words) { return count > 1 && !strcmp(words[1], "lines") ? lines() : packets(); }
