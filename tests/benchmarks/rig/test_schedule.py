import asyncio
import time

from benchmarks.rig.schedule import Schedule


async def test_what_is_due_is_done_in_the_order_of_its_time() -> None:
    schedule, done = Schedule(), asyncio.Event()
    order: list[str] = []
    now_s = time.perf_counter()

    schedule.at(now_s + 0.006, lambda: order.append("third"))
    schedule.at(now_s + 0.008, done.set)
    schedule.at(now_s + 0.002, lambda: order.append("first"))
    schedule.at(now_s + 0.004, lambda: order.append("second"))
    async with asyncio.timeout(5):
        await done.wait()

    assert order == ["first", "second", "third"]


async def test_a_function_may_schedule_itself_again_and_does_not_drift() -> None:
    schedule, done = Schedule(), asyncio.Event()
    begin_s = time.perf_counter()
    times_s: list[float] = []

    def tick(due_s: float) -> None:
        times_s.append(time.perf_counter())
        if len(times_s) == 10:
            done.set()
        else:
            schedule.at(due_s + 0.005, lambda: tick(due_s + 0.005))

    schedule.at(begin_s, lambda: tick(begin_s))
    async with asyncio.timeout(5):
        await done.wait()

    assert times_s[-1] - begin_s >= 0.044
    early = [n for n, at_s in enumerate(times_s) if at_s < begin_s + n * 0.005 - 0.001]
    assert not early


async def test_a_closed_schedule_does_nothing_more() -> None:
    schedule, later = Schedule(), asyncio.Event()
    ran: list[str] = []
    schedule.at(time.perf_counter() + 0.001, lambda: ran.append("late"))

    schedule.close()

    asyncio.get_running_loop().call_later(0.01, later.set)
    async with asyncio.timeout(5):
        await later.wait()
    assert ran == []
