"""Another program's voice through the avatar, here espeak-ng's.

    python examples/own_tts.py "Good evening" "How are you?"

The server, its key and secret come from the environment or .env.local, as for the command line;
without a server of your own: `micstream demo --serve` in another terminal, in the same folder.
The speech is written while it is still being made: the avatar begins after its first tenth of a
second, not after the last.
"""

import asyncio
import sys

from micstream import MicstreamError, Sender

RATE = 22_050  # espeak-ng's own; micstream resamples to what the avatar wants
WAV_HEADER = 44


async def say(sender: Sender, text: str) -> None:
    """Speak `text`; returns when all of it was sent."""
    synthesiser = await asyncio.create_subprocess_exec(
        "espeak-ng", "--stdout", "--", text, stdout=asyncio.subprocess.PIPE
    )
    assert synthesiser.stdout is not None
    try:
        await synthesiser.stdout.readexactly(WAV_HEADER)
    except asyncio.IncompleteReadError:
        sys.exit(f"espeak-ng made no sound of {text!r}")
    print(f"saying: {text}", flush=True)
    async with sender.utterance(rate=RATE) as utterance:
        while pcm := await synthesiser.stdout.read(4096):
            await utterance.write(pcm)
    await synthesiser.wait()


async def main() -> None:
    """Say each argument as an utterance of its own."""
    async with Sender() as sender:
        print("waiting for the avatar", flush=True)
        await sender.wait_ready(30)
        for text in sys.argv[1:] or ["Good evening, and welcome."]:
            await say(sender, text)
    # Leaving waits until the avatar has played everything.
    print("the avatar has said it all")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except MicstreamError as error:
        sys.exit(f"{error.message}\n{error.hint}")
    except FileNotFoundError:
        sys.exit("espeak-ng is not installed: sudo apt-get install espeak-ng")
    except KeyboardInterrupt:
        pass
