"""BlueZ as far as bleak needs it, on a D-Bus of our own: an adapter, a belt, and a person who switches both.

Run as a process with the bus's address; each line on its input is one JSON list, what is to happen and with what, and
is answered by one line. The real BlueZ, with a belt behind a kernel's adapter, is in
``guest/suites/test_ble_source.py``; this one lets adapters vanish and packets be wrong without a kernel's Bluetooth.
"""

import asyncio
import json
import sys

from dbus_fast import DBusError, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

ADAPTER, DEVICE = "/org/bluez/hci0", "/org/bluez/hci0/dev_C0_11_22_33_44_55"
READ = PropertyAccess.READ


class Adapter(ServiceInterface):
    def __init__(self, world):
        super().__init__("org.bluez.Adapter1")
        self.world, self.powered, self.busy = world, True, False

    @dbus_property(access=READ)
    def Address(self) -> "s":  # noqa: F821
        return "F0:F1:F2:F3:F4:F5"

    @dbus_property(access=READ)
    def Roles(self) -> "as":  # noqa: F722
        return ["central", "peripheral"]

    @dbus_property(access=READ)
    def Powered(self) -> "b":  # noqa: F821
        return self.powered

    @dbus_property(access=READ)
    def Discovering(self) -> "b":  # noqa: F821
        return self.world.scanning

    @dbus_method()
    def SetDiscoveryFilter(self, properties: "a{sv}"):  # noqa: F722
        pass

    @dbus_method()
    def StartDiscovery(self):
        if self.busy:
            raise DBusError("org.bluez.Error.InProgress", "Operation already in progress")
        self.world.scan(True)

    @dbus_method()
    def StopDiscovery(self):
        self.world.scan(False)


class Belt(ServiceInterface):
    def __init__(self, world, name, uuids):
        super().__init__("org.bluez.Device1")
        self.world, self.called, self.uuids = world, name, uuids
        self.connected = self.resolved = False
        self.rssi = -60

    @dbus_property(access=READ)
    def Address(self) -> "s":  # noqa: F821
        return "C0:11:22:33:44:55"

    @dbus_property(access=READ)
    def AddressType(self) -> "s":  # noqa: F821
        return "random"

    @dbus_property(access=READ)
    def Name(self) -> "s":  # noqa: F821
        return self.called

    @dbus_property(access=READ)
    def Alias(self) -> "s":  # noqa: F821
        return self.called

    @dbus_property(access=READ)
    def Adapter(self) -> "o":  # noqa: F821
        return ADAPTER

    @dbus_property(access=READ)
    def UUIDs(self) -> "as":  # noqa: F722
        return self.uuids

    @dbus_property(access=READ)
    def RSSI(self) -> "n":  # noqa: F821
        return self.rssi

    @dbus_property(access=READ)
    def Paired(self) -> "b":  # noqa: F821
        return False

    @dbus_property(access=READ)
    def Connected(self) -> "b":  # noqa: F821
        return self.connected

    @dbus_property(access=READ)
    def ServicesResolved(self) -> "b":  # noqa: F821
        return self.resolved

    @dbus_method()
    async def Connect(self):
        if self.world.unpaired:
            raise DBusError("org.bluez.Error.AuthenticationFailed", "Authentication Failed")
        self.become(True)

    @dbus_method()
    def Disconnect(self):
        self.become(False)

    def become(self, connected):
        self.connected = self.resolved = connected
        for one in self.world.measurements.values():
            one.notifying &= connected
        self.emit_properties_changed({"Connected": connected, "ServicesResolved": connected})


class Service(ServiceInterface):
    def __init__(self, uuid):
        super().__init__("org.bluez.GattService1")
        self.uuid = uuid

    @dbus_property(access=READ)
    def UUID(self) -> "s":  # noqa: F821
        return self.uuid

    @dbus_property(access=READ)
    def Primary(self) -> "b":  # noqa: F821
        return True

    @dbus_property(access=READ)
    def Device(self) -> "o":  # noqa: F821
        return DEVICE


class Measurement(ServiceInterface):
    def __init__(self, uuid, service):
        super().__init__("org.bluez.GattCharacteristic1")
        self.uuid, self.service, self.notifying, self.value = uuid, service, False, b""

    @dbus_property(access=READ)
    def UUID(self) -> "s":  # noqa: F821
        return self.uuid

    @dbus_property(access=READ)
    def Service(self) -> "o":  # noqa: F821
        return self.service

    @dbus_property(access=READ)
    def Value(self) -> "ay":  # noqa: F821
        return self.value

    @dbus_property(access=READ)
    def Flags(self) -> "as":  # noqa: F722
        return ["notify"]

    @dbus_method()
    def StartNotify(self):
        self.notifying = True

    @dbus_method()
    def StopNotify(self):
        self.notifying = False


class World:
    def __init__(self, bus):
        self.bus, self.scanning, self.unpaired = bus, False, False
        self.adapter = self.belt = None
        self.measurements = {}
        self.paths = []

    def plug(self):
        self.adapter = Adapter(self)
        self.bus.export(ADAPTER, self.adapter)

    def power(self, on):
        self.adapter.powered = on
        self.adapter.emit_properties_changed({"Powered": on})
        if not on and self.belt and self.belt.connected:
            self.belt.become(False)

    def busy(self, yes):
        self.adapter.busy = yes

    def pairing(self, needed):
        self.unpaired = needed

    def wear(self, name, services):
        """A belt comes into range: {service's UUID: [characteristic's UUID]}."""
        self.belt = Belt(self, name, list(services))
        self._export(DEVICE, self.belt)
        for i, (uuid, characteristics) in enumerate(services.items()):
            service = f"{DEVICE}/service{i:04x}"
            self._export(service, Service(uuid))
            for k, one in enumerate(characteristics):
                self.measurements[one] = Measurement(one, service)
                self._export(f"{service}/char{k:04x}", self.measurements[one])
        self.scan(self.scanning)

    def take_off(self):
        """It is out of range: the connection ends, and BlueZ forgets it."""
        if self.belt.connected:
            self.belt.become(False)
        for path in reversed(self.paths):
            self.bus.unexport(path)
        self.belt, self.paths, self.measurements = None, [], {}

    def hang_up(self):
        self.belt.become(False)

    def says(self, uuid, packet):
        """A notification; refused where nobody has subscribed."""
        one = self.measurements[uuid]
        assert one.notifying, "nobody has subscribed"
        one.emit_properties_changed({"Value": bytes.fromhex(packet)})

    def is_connected(self):
        return bool(self.belt and self.belt.connected)

    def is_heard(self, uuid):
        return uuid in self.measurements and self.measurements[uuid].notifying and self.belt.connected

    def scan(self, on):
        self.scanning = on
        if on and self.belt and not self.belt.connected:  # a connected one does not advertise
            asyncio.get_running_loop().call_later(0.05, self._advertise)

    def _advertise(self):
        if self.scanning and self.belt and not self.belt.connected:
            self.belt.rssi = -130 - self.belt.rssi  # -60, -70, -60 ...: a change, so that it is told
            self.belt.emit_properties_changed({"RSSI": self.belt.rssi})
            asyncio.get_running_loop().call_later(0.1, self._advertise)

    def _export(self, path, interface):
        self.bus.export(path, interface)
        self.paths.append(path)


async def main(address):
    bus = await MessageBus(bus_address=address).connect()
    world = World(bus)
    await bus.request_name("org.bluez")
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("null", flush=True)
    while line := await lines.readline():
        what, *words = json.loads(line)
        print(json.dumps(getattr(world, what)(*words)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
