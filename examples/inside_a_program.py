"""The sender as a task inside another asyncio program, which watches what happens.

    python examples/inside_a_program.py assets/sentences.flac

Here the program's own work is a ticker; the sender speaks a file, cut into utterances, meanwhile.
"""

import asyncio
import sys
from pathlib import Path

from micstream import FileSource, MicstreamError, Sender, events


async def speak(sender: Sender, path: Path) -> None:
    """The sender's task: wait for the avatar, speak the file."""
    await sender.wait_ready(30)
    await sender.speak(FileSource(path), cut=True)


async def watch(sender: Sender) -> None:
    """Everything that happens, as it happens; ends with the sender."""
    async for event in sender.events():
        match event:
            case events.PlaybackStarted():
                print(f"{event.id} is heard after {event.delay_ms} ms")
            case events.Warned() | events.Dropped():
                print(event.as_json())
            case _:
                pass


async def tick() -> None:
    """The program's own work."""
    while True:
        await asyncio.sleep(5)
        print("the program goes on")


async def main(path: Path) -> None:
    """Run all three until the file has been spoken."""
    sender = Sender()
    watching = asyncio.create_task(watch(sender))
    ticking = asyncio.create_task(tick())
    try:
        async with sender:
            await speak(sender, path)
        await watching
    finally:
        watching.cancel()
        ticking.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1])))
    except MicstreamError as error:
        sys.exit(f"{error.message}\n{error.hint}")
    except IndexError:
        sys.exit("usage: inside_a_program.py FILE")
