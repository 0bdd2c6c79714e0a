// The operator's page: everything by one press, and lit when the audience hears it.

import { stayAwake } from "../src/quiet";
import { element, onPress, write } from "./draw";
import { Hold, holdBy, letGoWhenLeft } from "./hold";
import { Journal } from "./journal";
import { type Deed, deeds, keysOf, named, Pedal, shiftedDigit } from "./keys";
import { Line } from "./line";
import { Panel } from "./panel";
import type { Answer, Hello, State } from "./wire";

const API = 1;
const METER = "micstream meter";

const panel = new Panel();
const journal = new Journal();
const pedal = new Pedal();
let state: State | null = null;
let shown = "";
let keys = new Map<string, Deed>();
let seenHeld = false;

const line = new Line({
  hello: greeted,
  state(now) {
    state = now;
    if (line.good) panel.state(now);
    // Another verb, or another operator, has ended what is held here.
    if (hold.held && seenHeld && !now.held) hold.letGo();
    seenHeld = hold.held && (seenHeld || now.held);
  },
  event(happened) {
    journal.take(happened);
  },
  levels(levels) {
    panel.level(levels);
  },
  line(trouble) {
    panel.line(trouble);
    if (trouble !== null) hold.letGo();
    else if (state !== null) panel.state(state);
  },
});

const hold = new Hold({
  press() {
    seenHeld = false;
    ask("talk", { do: "talk", argument: "on" }, letGoIfRefused);
  },
  keep() {
    line.ask({ keep: "talk" })?.then(letGoIfRefused, () => undefined);
  },
  release() {
    journal.asks("talk");
    line.ask({ do: "talk", argument: "off" }, true);
  },
  changed(held) {
    element("talk").setAttribute("aria-pressed", String(held));
  },
});

function greeted(hello: Hello): void {
  if (hello.api !== API) {
    location.reload(); // micstream was renewed, and brings its own page
    return;
  }
  journal.again();
  keys = deeds(hello);
  const known = JSON.stringify([hello.cues, hello.avatars, hello.performers, hello.keys]);
  if (known === shown) return;
  shown = known;
  panel.build(hello, (verb, argument) => {
    act(verb, argument);
  });
  const labels = keysOf(hello);
  for (const label of document.querySelectorAll<HTMLElement>("kbd[data-verb]")) {
    write(label, labels[label.dataset.verb ?? ""] ?? "");
  }
}

function ask(verb: string, message: object, refused?: (answer: Answer) => void): void {
  const asked = line.ask({ ...message });
  if (asked === null) return; // the page says that there is no line
  journal.asks(verb);
  void asked.then((answer) => {
    refused?.(answer);
    if (!answer.ok && answer.message) panel.notice(answer.message, answer.hint);
  });
}

function letGoIfRefused(answer: Answer): void {
  if (!answer.ok) hold.letGo();
}

/** Ask for a verb. A switch is set, not toggled: two who press at once mean the same. */
function act(verb: string, argument?: string | number): void {
  if (verb === "mute") argument = state?.muted ? "off" : "on";
  if (verb === "manual") argument = isOpen() ? "off" : "on";
  ask(verb, argument === undefined ? { do: verb } : { do: verb, argument });
}

function isOpen(): boolean {
  return state !== null && !state.muted && state.gate === "open";
}

function markNow(): void {
  const field = element<HTMLInputElement>("mark-text");
  act("mark", field.value.trim() || `mark ${(state?.marks ?? 0) + 1}`);
  field.value = "";
  field.blur();
}

// ---- keys ----------------------------------------------------------------------------------------

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (pedal.learning) {
    event.preventDefault();
    pedal.learn(event);
    showPedal();
    return;
  }
  const key = named(event);
  const talks = pedal.is(event) || keys.get(key)?.verb === "talk";
  if (document.activeElement instanceof HTMLInputElement && (!talks || event.key.length === 1)) {
    if (key === "escape") document.activeElement.blur();
    return;
  }
  if (talks) {
    event.preventDefault(); // space presses no button, and scrolls nothing
    if (!event.repeat) hold.down(`key ${event.code || key}`);
    return;
  }
  if (event.repeat) return;
  const avatar = shiftedDigit(event);
  if (avatar !== null) act("route", avatar);
  else if (key === "?") toggle("help");
  else done(keys.get(key) ?? keys.get(key.toLowerCase()));
}

function done(deed: Deed | undefined): void {
  if (deed === undefined) return;
  if (deed.verb === "mark") markNow();
  else if (deed.verb === "performer") nextPerformer();
  else if (deed.verb !== "cue") act(deed.verb);
  else act("cue", plays(deed.argument) ? "stop" : (deed.argument ?? "stop"));
}

function nextPerformer(): void {
  if (state?.performers.length) act("performer", "next");
}

function plays(cue: string | number | undefined): boolean {
  return state?.cue != null && state.cue.sending && state.cue.number === cue;
}

function released(event: KeyboardEvent): void {
  const name = `key ${event.code || named(event)}`;
  if (event.key === " " && !(document.activeElement instanceof HTMLInputElement)) {
    event.preventDefault();
  }
  hold.up(name);
}

function toggle(id: string): void {
  element(id).hidden = !element(id).hidden;
}

function showPedal(): void {
  const learned = pedal.name ? `pedal: ${pedal.name}` : "set the pedal";
  write(element("pedal"), pedal.learning ? "press the pedal now…" : learned);
}

// ---- the level, only where it is seen ------------------------------------------------------------

function wantLevels(): void {
  const details = element<HTMLDetailsElement>("levels");
  line.wantLevels(details.open && document.visibilityState === "visible");
  if (!details.open) panel.level(null);
}

function remember(open: boolean): void {
  try {
    localStorage.setItem(METER, open ? "open" : "closed");
  } catch {
    // A browser that keeps nothing.
  }
}

function wasClosed(): boolean {
  try {
    return localStorage.getItem(METER) === "closed";
  } catch {
    return false;
  }
}

function begin(): void {
  for (const verb of ["mute", "manual", "auto", "cough", "interrupt", "panic"]) {
    onPress(element(verb), () => {
      act(verb);
    });
  }
  element("stop").addEventListener("click", () => {
    act("cue", "stop");
  });
  element("marking").addEventListener("submit", (event) => {
    event.preventDefault();
    markNow();
  });
  element("pedal").addEventListener("click", () => {
    pedal.learning = !pedal.learning;
    showPedal();
  });
  for (const id of ["keys", "help"]) {
    element(id).addEventListener("click", () => {
      toggle("help");
    });
  }
  const details = element<HTMLDetailsElement>("levels");
  details.open = !wasClosed();
  details.addEventListener("toggle", () => {
    remember(details.open);
    wantLevels();
  });
  document.addEventListener("visibilitychange", wantLevels);
  holdBy(element("talk"), hold);
  letGoWhenLeft(hold);
  window.addEventListener("keydown", pressed);
  window.addEventListener("keyup", released);
  showPedal();
  wantLevels();
  stayAwake();
  line.begin();
}

begin();
