// The performer's page: one microphone into the room, by one large button.

import {
  DisconnectReason,
  LocalAudioTrack,
  type LocalTrack,
  LogLevel,
  Room,
  RoomEvent,
  setLogLevel,
  Track,
} from "livekit-client";

import { element, mark, write } from "../control/draw";
import { Hold, holdBy, letGoWhenLeft } from "../control/hold";
import { online } from "../src/online";
import { stayAwake } from "../src/quiet";
import { Microphone, Trouble } from "./microphone";

const JOIN_MS = 15_000;
const PAUSE_MS = [500, 1000, 2000, 4000];
const LOUD_DB = -1;
const MENDING_MS = [0, 300, 1000];

interface Session {
  url: string;
  token: string;
  name: string;
}

const WORDS: Record<string, string> = {
  asking: "asking for the microphone: allow it",
  joining: "joining the room",
  connected: "in the room",
  reconnecting: "connection lost, mending it: you are NOT heard",
  lost: "connection lost, joining again: you are NOT heard",
  stopped: "you are NOT heard",
};

let microphone: Microphone | null = null;

const hold = new Hold({
  press: update,
  keep: () => undefined,
  release: update,
  changed: update,
});

function update(): void {
  const connected = document.documentElement.dataset.state === "connected";
  const open = connected && (hold.held || element<HTMLInputElement>("keep").checked);
  microphone?.open(open);
  microphone?.wake();
  element("talk").setAttribute("aria-pressed", String(open));
}

function become(state: string): void {
  document.documentElement.dataset.state = state;
  write(element("word"), WORDS[state] ?? state);
  element<HTMLButtonElement>("talk").disabled = state !== "connected";
  if (state !== "connected") hold.letGo();
  update();
}

function tell(trouble: Trouble | null): void {
  element("trouble").hidden = trouble === null;
  document.documentElement.dataset.trouble = trouble?.code ?? "";
  if (trouble === null) return;
  write(element("trouble-said"), trouble.message);
  write(element("trouble-hint"), trouble.hint);
}

async function session(): Promise<Session> {
  const answer = await fetch("session", { method: "POST", cache: "no-store" }).catch(() => {
    throw new Trouble(
      "unanswered",
      "micstream performer-page does not answer",
      "Is it still running, and this device on its network? It is tried again by itself.",
    );
  });
  if (answer.status === 403) {
    throw new Trouble("refused", "This link is no longer good", "Ask for the link anew.");
  }
  if (!answer.ok) throw new Trouble("unanswered", `the server answers ${answer.status}`, "");
  return (await answer.json()) as Session;
}

/** One stay in the room, until the connection is lost for good. */
async function stay(sound: Microphone): Promise<void> {
  const given = await session();
  write(element("name"), given.name);
  document.title = `${given.name} · micstream performer`;
  const room = new Room({
    reconnectPolicy: { nextRetryDelayInMs: ({ retryCount }) => MENDING_MS[retryCount] ?? null },
    stopLocalTrackOnUnpublish: false,
  });
  const left = new Promise<DisconnectReason | undefined>((resolve) => {
    room.once(RoomEvent.Disconnected, resolve);
  });
  room
    .on(RoomEvent.Reconnecting, () => {
      become("reconnecting");
    })
    .on(RoomEvent.Reconnected, () => {
      become("connected");
    });
  try {
    await room.connect(given.url, given.token, {
      autoSubscribe: false,
      websocketTimeout: JOIN_MS,
      peerConnectionTimeout: JOIN_MS,
    });
    // The client opens a track that it takes over, a moment later. Shut again before it is
    // published: what is heard while nobody holds the button is sent to nobody.
    const track = new LocalAudioTrack(sound.sound, undefined, true) as LocalTrack;
    await new Promise((resolve) => setTimeout(resolve));
    sound.open(false);
    await room.localParticipant.publishTrack(track, {
      source: Track.Source.Microphone,
      name: "microphone",
      dtx: true,
      red: true,
      audioPreset: { maxBitrate: 48_000 },
    });
    tell(null);
    become("connected");
    const reason = await left;
    if (reason === DisconnectReason.DUPLICATE_IDENTITY) {
      throw new Trouble(
        "taken",
        "Another page has this microphone's place",
        "The same link is open elsewhere. Try again takes it back here.",
      );
    }
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble(
      "room",
      "The room cannot be joined",
      "LiveKit's server cannot be reached from here. It is tried again by itself.",
    );
  } finally {
    void room.disconnect(false);
  }
}

/** Until somebody has to do something. */
async function perform(): Promise<void> {
  tell(null);
  become("asking");
  microphone?.close();
  microphone = null;
  let lost: (trouble: Trouble) => void = () => undefined;
  const gone = new Promise<never>((_, reject) => {
    lost = reject;
  });
  gone.catch(() => undefined);
  try {
    const sound = await Microphone.ask(() => {
      lost(new Trouble("gone", "The microphone is gone", "Look for its cable, then try again."));
    });
    microphone = sound;
    for (let tries = 0; ; tries++) {
      become(tries ? "lost" : "joining");
      try {
        await Promise.race([stay(sound), gone]);
        tries = 0;
      } catch (error) {
        const trouble = error as Trouble;
        if (["taken", "refused", "gone"].includes(trouble.code)) throw trouble;
        tell(trouble);
      }
      become("lost");
      await online(PAUSE_MS[Math.min(tries, PAUSE_MS.length - 1)]!);
    }
  } catch (error) {
    tell(error instanceof Trouble ? error : new Trouble("unknown", String(error), ""));
    become("stopped");
  }
}

function draw(): void {
  const level = microphone?.level() ?? -60;
  const meter = element("meter");
  meter.style.setProperty("--level", `${(100 * (1 + level / 60)).toFixed(0)}%`);
  mark(meter, "data-loud", level > LOUD_DB ? "" : null);
  write(element("level"), microphone ? (level > LOUD_DB ? "TOO LOUD" : `${level.toFixed(0)} dB`) : "");
}

function begin(): void {
  setLogLevel(LogLevel.silent);
  holdBy(element("talk"), hold);
  letGoWhenLeft(hold);
  element("keep").addEventListener("change", update);
  element("again").addEventListener("click", () => {
    location.reload();
  });
  window.addEventListener("pointerdown", () => microphone?.wake());
  window.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    if (!event.repeat && !element<HTMLButtonElement>("talk").disabled) hold.down("space");
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") hold.up("space");
  });
  setInterval(draw, 60);
  stayAwake();
  void perform();
}

begin();
