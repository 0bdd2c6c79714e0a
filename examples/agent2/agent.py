"""An agent that brings the avatar in, which then speaks what comes from outside the agent.

    python examples/agent2/agent.py start

It is LiveKit's worker with an `AgentSession`, without recogniser, language model or synthesiser:
the sound is a sender's. AGENT2_SOUND says which: a file's path (the bundled one, if it is not set),
`microphone`, or `elsewhere`, where the sender is a program of its own. README.md tells the rest.
"""

import asyncio
import logging
import math
import os
import time
from pathlib import Path

from dotenv import load_dotenv
from livekit import api
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.room_io import RoomOptions

from micstream import FileSource, MicstreamError, Sender, start_avatar

load_dotenv(".env.local")

HELLO = Path(__file__).resolve().parents[2] / "assets/hello_world_16kHz.wav"
SOUND = os.environ.get("AGENT2_SOUND") or str(HELLO)
EVERY_S = 5.0
WAIT_S = 60.0
COMES_S = 20.0
"""So long an avatar that was asked for may take until it is in the room."""

# The session hears nothing and says nothing. One that has a voice keeps `audio_output=False` all
# the same, or it would speak beside the avatar; and it must not be given the avatar as its output:
# the avatar listens to the sender alone, and would leave each of its calls unanswered.
SILENT = RoomOptions(
    audio_input=False,
    audio_output=False,
    text_input=False,
    text_output=False,
    close_on_disconnect=False,  # viewers come and go
)

logger = logging.getLogger("agent2")
asking: set[asyncio.Task[None]] = set()


async def speak(ctx: JobContext) -> None:
    """The sender: a participant of its own, as it is to it that the avatar listens."""
    try:
        async with Sender(room=ctx.room.name) as sender:
            await sender.wait_ready(WAIT_S)
            if SOUND == "microphone":
                await sender.listen()
            while True:
                await sender.speak(FileSource(Path(SOUND)))
                await asyncio.sleep(EVERY_S)
                await sender.wait_ready()
    except MicstreamError as error:
        give_up(ctx, error)


async def keep(ctx: JobContext, avatar: str) -> None:
    """Bring the avatar back whenever it was lost, with its server for example."""
    asked, came = time.monotonic(), False
    while True:
        await asyncio.sleep(1)
        if avatar in ctx.room.remote_participants:
            came = True
        elif came or time.monotonic() - asked > COMES_S:
            asked, came = time.monotonic(), False
            try:
                await start_avatar(room=ctx.room.name)
            except MicstreamError as error:
                logger.warning("%s (%s)", error.message, error.hint)


async def agent2(ctx: JobContext) -> None:
    """One room: the session, the avatar, and the sender where it is to be in here."""
    await AgentSession(vad=None).start(Agent(instructions=""), room=ctx.room, room_options=SILENT)
    try:
        avatar = await start_avatar(room=ctx.room.name)
    except MicstreamError as error:
        give_up(ctx, error)
        return
    tasks = [asyncio.create_task(keep(ctx, avatar))]
    if SOUND != "elsewhere":
        tasks.append(asyncio.create_task(speak(ctx)))

    async def leave() -> None:
        """First the sender, in order; then the avatar, which is this agent's affair."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        place = api.RoomParticipantIdentity(room=ctx.room.name, identity=avatar)
        try:
            await ctx.api.room.remove_participant(place)
        except api.TwirpError as error:
            if error.code != api.TwirpErrorCode.NOT_FOUND:
                raise

    ctx.add_shutdown_callback(leave)


async def ask_for_work(registered_ms: float) -> None:
    """LiveKit calls agents in when a room is made: into one that is older we have ourselves called.

    So neither who comes first matters, nor that the agent is started anew.
    """
    room = os.environ.get("LIVEKIT_ROOM") or "micstream"
    if any(job.job.room.name == room for job in server.active_jobs):
        return  # our connection was lost, and the job goes on
    async with api.LiveKitAPI() as client:
        found = await client.room.list_rooms(api.ListRoomsRequest(names=[room]))
        if any(each.creation_time_ms < registered_ms for each in found.rooms):
            name = os.environ.get("LIVEKIT_AGENT_NAME", "")
            call = api.CreateAgentDispatchRequest(room=room, agent_name=name)
            await client.agent_dispatch.create_dispatch(call)


def registered(*_: object) -> None:
    """From now on LiveKit calls us."""
    task = asyncio.create_task(ask_for_work(time.time() * 1000))
    asking.add(task)
    task.add_done_callback(asking.discard)


def give_up(ctx: JobContext, error: MicstreamError) -> None:
    """Say what is wrong and what to do, and end this room's job."""
    logger.error("%s (%s)", error.message, error.hint)
    ctx.shutdown(error.message)


server = AgentServer(
    host="127.0.0.1",  # its health check is this machine's affair
    port=int(os.environ.get("AGENT2_PORT", "8081")),
    num_idle_processes=1,
    initialize_process_timeout=60,  # beside an avatar that begins, too
    load_threshold=math.inf,  # else it takes no room while this machine is busy with the avatar
    drain_timeout=1,  # SIGTERM ends the show, it does not wait until the room is empty
)
server.rtc_session(agent2)
server.on("worker_registered", registered)

if __name__ == "__main__":
    cli.run_app(server)
