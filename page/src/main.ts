// The stage page: joins the room, shows the avatars, and comes back whatever happens.

import { LogLevel, setLogLevel } from "livekit-client";

import { Asked, element, type Look, PLAIN, show } from "./look";
import { online } from "./online";
import { Overlay } from "./overlay";
import { hidePointer, stayAwake, toggleFullScreen } from "./quiet";
import { newSession, Refused, Unanswered } from "./session";
import { Sign } from "./sign";
import { Sound } from "./sound";
import { keepInStep } from "./step";
import { Tiles } from "./tiles";
import { watch } from "./watch";

const SOONEST_MS = 500;
const LATEST_MS = 5000;
// One that stayed this long was no failed attempt.
const STAYED_MS = 10_000;

const asked = new Asked(location);
const stage = element("stage");
const sound = new Sound(stage, element("sound"));
const tiles = new Tiles(stage, sound, asked.key);
const sign = new Sign(element("sign"));
let state = "joining";
let soundChosen = false;

const overlay = new Overlay(
  element("overlay"),
  () => [
    state,
    ...(state === "connected" && !tiles.all.length ? ["no avatar there"] : []),
    ...(sound.state === "on" ? [] : [`sound ${sound.state}`]),
    ...(tiles.keyTrouble ? [tiles.keyTrouble] : []),
    ...asked.unused.map(([name, value]) => `${name}=${value}: cannot be used`),
  ],
  () => tiles.all,
);

function become(now: string): void {
  state = now;
  document.documentElement.dataset.state = now;
  sign.say(now === "connected" ? null : now);
  void overlay.update();
}

function apply(look: Look): void {
  show(look);
  if (!soundChosen) sound.on = look.sound;
}

async function stay(): Promise<void> {
  const session = await newSession(asked.unused);
  apply(asked.over(session.look));
  const avatars = asked.avatars.length ? asked.avatars : session.avatars;
  await watch(session, avatars, tiles, become);
}

async function forEver(): Promise<never> {
  let pause = SOONEST_MS;
  for (;;) {
    const begun = performance.now();
    try {
      await stay();
      become("connection lost, joining again");
    } catch (error) {
      become(reason(error));
    }
    pause = performance.now() - begun > STAYED_MS ? SOONEST_MS : Math.min(2 * pause, LATEST_MS);
    await online(pause * (0.75 + Math.random() / 2));
  }
}

// Where to look: at this link, at the machine that gives out the page, or at LiveKit's server.
function reason(error: unknown): string {
  if (error instanceof Refused) return "refused: ask for the link anew";
  if (error instanceof Unanswered) return "no connection: micstream stage does not answer";
  return "no connection: the room cannot be joined";
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const awaited = sound.unblock();
  if (event.key === "o") overlay.toggle();
  else if (event.key === "?") element("keys").hidden = !element("keys").hidden;
  else if (event.key === "f") void toggleFullScreen();
  else if (event.key === "m" && !awaited) {
    soundChosen = true;
    sound.toggle();
  }
}

setLogLevel(LogLevel.silent);
keepInStep();
show(asked.over(PLAIN));
sign.say(state);
window.addEventListener("keydown", pressed);
window.addEventListener("dblclick", () => void toggleFullScreen());
hidePointer();
stayAwake();
if (asked.overlay) overlay.toggle();
void forEver();
