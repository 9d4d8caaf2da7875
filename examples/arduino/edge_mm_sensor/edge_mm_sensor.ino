// A sensor for edge-mm: ECG, pulse and skin conductance at 250 samples per second over USB.
//
//   A0       AD8232 OUTPUT, with LO+ on D10 and LO- on D11 (an electrode that is off is a missing sample)
//   A1       an analog pulse sensor
//   A2       a Grove GSR sensor
//
// Put edge_mm_wire.h next to this file, choose the protocol here, and paste into edge-mm.toml what
// edge_mm/sources/pages/serial.md shows (with protocol = "binary" for the second). Written for a 5 V board with a 10-bit
// converter (Uno, Nano); another reference voltage or width changes REFERENCE_MV and COUNTS.
//
// A person who is wired to a computer that hangs on the mains is wired to the mains: use a battery or an isolated
// power supply.

#include "edge_mm_wire.h"

#ifndef EDGE_MM_BINARY
#define EDGE_MM_BINARY 1 // 0: lines of text
#endif

const uint32_t RATE_HZ = 250;
const uint32_t PERIOD_US = 1000000UL / RATE_HZ;
const uint8_t FRAMES = 5; // per packet: it fits into the 63 bytes that an Uno sends without waiting
const float REFERENCE_MV = 5000.0f;
const int32_t COUNTS = 1024;
const float GAIN = 1100.0f; // of the usual AD8232 module
const float ECG_MV = REFERENCE_MV / (COUNTS * GAIN);
const uint8_t LEAD_OFF_PLUS = 10, LEAD_OFF_MINUS = 11;

struct Frame {
  int32_t ecg; // counts around the middle
  int32_t ppg; // counts
  int32_t eda; // nS
};

Frame measure() {
  Frame frame;
  const bool off = digitalRead(LEAD_OFF_PLUS) || digitalRead(LEAD_OFF_MINUS);
  const int32_t ecg = analogRead(A0);
  const bool clipped = ecg <= 0 || ecg >= COUNTS - 1;
  frame.ecg = off || clipped ? EDGE_MM_MISSING : ecg - COUNTS / 2;
  frame.ppg = analogRead(A1);
  // Seeed's formula for the Grove sensor: ohm = (1024 + 2 x) * 10000 / (512 - x), its potentiometer set to x = 512
  // with open electrodes.
  const int32_t gsr = analogRead(A2);
  frame.eda = gsr >= 512 ? 0 : (512 - gsr) * 100000L / (1024 + 2 * gsr);
  return frame;
}

#if EDGE_MM_BINARY

const EdgeMmChannel CHANNELS[] = {
    {EDGE_MM_ECG, EDGE_MM_INT16, RATE_HZ * 1000, ECG_MV, 0.0f},
    {EDGE_MM_PPG, EDGE_MM_INT16, RATE_HZ * 1000, 1.0f, 0.0f},
    {EDGE_MM_EDA, EDGE_MM_INT24, RATE_HZ * 1000, 0.001f, 0.0f},
};
const uint8_t DESCRIPTION = 1;
uint8_t buffer[EDGE_MM_AROUND + 64];
EdgeMmPacket packet(buffer, sizeof buffer);
uint16_t frame_index = 0;
uint8_t in_packet = 0;

void describe() { Serial.write(buffer, packet.describe(DESCRIPTION, CHANNELS, 3)); }

void send(const Frame &frame) {
  if (in_packet == 0)
    packet.samples(DESCRIPTION, 0b111, frame_index);
  packet.add(frame.ecg, EDGE_MM_INT16);
  packet.add(frame.ppg, EDGE_MM_INT16);
  packet.add(frame.eda, EDGE_MM_INT24);
  frame_index++;
  in_packet++;
  if (in_packet == FRAMES) {
    Serial.write(buffer, packet.finish());
    in_packet = 0;
  }
}

bool between_packets() { return in_packet == 0; }

#else

char buffer[64];
EdgeMmLine line(buffer, sizeof buffer);

void describe() { Serial.write((const uint8_t *)buffer, line.header("columns=ecg:mV,ppg,eda:uS rate_hz=250")); }

void send(const Frame &frame) {
  line.begin();
  line.add(frame.ecg == EDGE_MM_MISSING ? EDGE_MM_MISSING : (int32_t)(frame.ecg * ECG_MV * 1000.0f));
  line.add(frame.ppg * 1000);
  line.add(frame.eda);
  Serial.write((const uint8_t *)buffer, line.finish());
}

bool between_packets() { return true; }

#endif

uint32_t due_us, since_description = 0;

void setup() {
  pinMode(LEAD_OFF_PLUS, INPUT);
  pinMode(LEAD_OFF_MINUS, INPUT);
  Serial.begin(115200);
  describe();
  due_us = micros();
}

void loop() {
  if ((int32_t)(micros() - due_us) < 0)
    return;
  due_us += PERIOD_US;
  // Before the frame: the packet of the frame before has left by now.
  if (++since_description >= RATE_HZ && between_packets()) {
    since_description = 0;
    describe();
  }
  send(measure());
}
