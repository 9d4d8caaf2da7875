"""Alert -> the world: a durable outbox, MQTT, JSON lines. See README.md."""
