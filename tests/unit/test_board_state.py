"""What a board says of itself, from files as the kernel writes them."""

import os
import resource
import threading
from pathlib import Path

import pytest
from simulated_board import board_in

from edge_mm.daemon import board_state
from edge_mm.daemon.board_state import CpuTimes, Frequency, Power


def put(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


POLICY = "sys/devices/system/cpu/cpufreq/policy{}/"


def policy(number: int, *, now: int, limit: int, top: int, governor: str = "ondemand") -> dict[str, str]:
    at = POLICY.format(number)
    return {
        f"{at}scaling_cur_freq": f"{now}\n",
        f"{at}scaling_max_freq": f"{limit}\n",
        f"{at}cpuinfo_max_freq": f"{top}\n",
        f"{at}scaling_governor": f"{governor}\n",
    }


@pytest.mark.parametrize(
    ("flags", "now", "since_boot"),
    [
        ("0", (), ()),
        ("50005", ("under_voltage", "throttled"), ("under_voltage", "throttled")),
        ("50000", (), ("under_voltage", "throttled")),
        ("80008", ("soft_temperature_limit",), ("soft_temperature_limit",)),
        ("2", ("frequency_capped",), ("frequency_capped",)),
    ],
)
def test_the_firmwares_flags_tell_now_from_since_boot(flags, now, since_boot, tmp_path):
    board_in(tmp_path, throttled=flags)
    assert board_state.power(tmp_path) == Power(now, since_boot, "get_throttled")


def test_the_voltage_alarm_of_the_kernel_counts_beside_the_firmwares_flags(tmp_path):
    put(tmp_path, **{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"})
    assert board_state.power(tmp_path) == Power(("under_voltage",), ("under_voltage",), "in0_lcrit_alarm")
    board_in(tmp_path, throttled="40000")
    assert board_state.power(tmp_path) == Power(
        ("under_voltage",), ("under_voltage", "throttled"), "get_throttled and in0_lcrit_alarm"
    )


def test_vcgencmd_is_asked_only_where_no_file_says_it_and_programs_may_be_run(tmp_path):
    program = tmp_path / "usr/bin/vcgencmd"
    put(tmp_path, **{"usr/bin/vcgencmd": '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50000\n'})
    program.chmod(0o755)
    assert board_state.power(tmp_path) is None
    assert board_state.power(tmp_path, run_programs=True) == Power((), ("under_voltage", "throttled"), "vcgencmd")
    program.write_text("#!/bin/sh\necho VCHI initialization failed; exit 255\n")
    assert board_state.power(tmp_path, run_programs=True) is None


def test_the_fastest_core_counts_and_a_cap_shows(tmp_path):
    files = policy(0, now=600_000, limit=1_400_000, top=1_400_000)
    files |= policy(4, now=1_000_000, limit=1_200_000, top=2_400_000, governor="schedutil")
    assert board_state.frequency(put(tmp_path, **files)) == Frequency(1000, 1200, 2400, "schedutil")


def test_a_board_that_says_nothing_is_None_and_no_exception(tmp_path):
    assert board_state.temperature_c(tmp_path) is None
    assert board_state.power(tmp_path, run_programs=True) is None
    assert board_state.frequency(tmp_path) is None
    assert board_state.memory(tmp_path) is None
    assert board_state.cpu_times(tmp_path) == CpuTimes(0, 0)
    assert (board_state.threads(tmp_path), board_state.descriptors(tmp_path)) == (0, 0)
    disk = board_state.disk(tmp_path / "not" / "made", tmp_path)
    assert disk is not None
    assert (disk.kind, disk.device, disk.is_card, disk.worn_percent) == ("", "", False, None)


def test_a_zone_that_is_not_there_gives_way_to_the_hottest_one(tmp_path):
    board_in(tmp_path, zones={"cpu-thermal": 48.5, "gpu-thermal": 61.0})
    assert board_state.temperature_c(tmp_path, zone="cpu-thermal") == 48.5
    assert board_state.temperature_c(tmp_path, zone="soc-thermal") == 61.0


def test_memory_and_swap_are_read_in_MiB(tmp_path):
    put(
        tmp_path,
        **{"proc/meminfo": "MemTotal: 948304 kB\nMemAvailable: 51200 kB\nSwapTotal: 204800 kB\nSwapFree: 102400 kB\n"},
    )
    assert board_state.memory(tmp_path) == board_state.Memory(926, 50, 100)


MOUNTS = """22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 22 0:26 / /tmp rw,nosuid - tmpfs tmpfs rw
31 22 179:1 / {card} ro,relatime - vfat /dev/mmcblk1p1 rw
"""


def test_the_deepest_mount_above_a_folder_says_what_it_is(tmp_path):
    data = tmp_path / "var data"
    data.mkdir()
    root = put(
        tmp_path / "board",
        **{
            "proc/self/mountinfo": MOUNTS.format(card=str(data).replace(" ", "\\040")),
            "sys/block/mmcblk1/device/life_time": "0x02 0x09\n",
        },
    )
    disk = board_state.disk(data / "outbox", root)
    assert disk is not None
    assert (disk.device, disk.kind, disk.read_only, disk.is_card, disk.worn_percent) == (
        *("/dev/mmcblk1p1", "vfat", True, True, 90),
    )
    assert disk.free_mib == os.statvfs(data).f_bavail * os.statvfs(data).f_frsize // 2**20
    other = board_state.disk(Path("/"), root)
    assert other is not None
    assert (other.device, other.kind, other.worn_percent) == ("/dev/mmcblk0p2", "ext4", None)


def test_cpu_percent_is_of_all_cores_between_two_looks(tmp_path):
    before = board_state.cpu_times(put(tmp_path, **{"proc/stat": "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 1 1 1\n"}))
    after = board_state.cpu_times(put(tmp_path, **{"proc/stat": "cpu  160 0 65 900 75 0 0 0 9 0\n"}))
    assert before == CpuTimes(150, 1000)
    assert after.percent_since(before) == 37.5
    assert after.percent_since(after) is None


def test_this_machine_counts_its_own_threads_and_descriptors():
    threads, descriptors = board_state.threads(), board_state.descriptors()
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait)
    thread.start()
    with Path(os.devnull).open() as _one:
        assert (board_state.threads(), board_state.descriptors()) == (threads + 1, descriptors + 1)
    let_go.set()
    thread.join()
    assert descriptors < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
