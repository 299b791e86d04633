from pathlib import Path

from benchmarks.machine import this_machine
from benchmarks.results import Conversion, Delay, LoadPoint, Results, read_results, write_results


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = Results(
        machine=this_machine(tmp_path),
        load=[
            LoadPoint(
                target="relay",
                calls=1,
                run=1,
                uplink=Delay(0.2, 0.4, 10),
                downlink=Delay(0.2, 0.4, 8),
                barge_in=Delay(None, None, 0),
                first_audio=Delay(4.0, 4.0, 1),
                core_share_per_call=0.005,
                memory_per_call_mb=0.1,
                idle_memory_mb=45.0,
                uplink_lost_ms=0.0,
                downlink_lost_bursts=0,
                calls_failed=0,
                rig_core_share=0.03,
            )
        ],
        conversion=[Conversion("ours", "up", 11.0, 1.2, 60.0, -58.0)],
        seconds=10,
        runs=1,
    )

    write_results(results, tmp_path / "results.json")

    assert read_results(tmp_path / "results.json") == results


def test_the_machine_is_described(tmp_path: Path) -> None:
    machine = this_machine(tmp_path)

    assert machine.cpu
    assert machine.cores >= 1
    assert {"uvloop", "websockets", "picows"} <= machine.versions.keys()
    assert "pipecat-ai" not in machine.versions
