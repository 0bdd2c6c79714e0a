// Keys: the same letters as in the terminal, the show's own over them, and a pedal's.

import type { Hello } from "./wire";

export type Deed = { verb: string; argument?: string | number };

const USUAL: Record<string, string> = {
  mute: "m",
  manual: "t",
  auto: "v",
  interrupt: "i",
  panic: "p",
  cough: "c",
  cue: "s", // stops it, as in the terminal
  mark: "k",
  performer: "n", // the next one, as in the terminal
  talk: "space",
};
const PEDAL = "micstream pedal";

/** Name of a key, as the show's file writes it: a, space, f13, pagedown. */
export function named(event: KeyboardEvent): string {
  if (event.key === " ") return "space";
  return event.key.length === 1 ? event.key : event.key.toLowerCase();
}

/** The key of each verb. */
export function keysOf(hello: Hello): Record<string, string> {
  return { ...USUAL, ...hello.keys };
}

/** What each key does: digits are cues; a cue's own key and the show's file count more. */
export function deeds(hello: Hello): Map<string, Deed> {
  const found = new Map<string, Deed>();
  for (const [verb, key] of Object.entries(USUAL)) {
    // The space bar is the largest key: it talks, whatever key the show gives talk besides.
    if (!(verb in hello.keys) || verb === "talk") found.set(key, { verb });
  }
  for (const cue of hello.cues.slice(0, 9)) {
    found.set(String(cue.number), { verb: "cue", argument: cue.number });
  }
  for (const cue of hello.cues) {
    if (cue.key) found.set(cue.key, { verb: "cue", argument: cue.number });
  }
  for (const [verb, key] of Object.entries(hello.keys)) found.set(key.toLowerCase(), { verb });
  return found;
}

/** Number that is pressed with shift, wherever the layout has its signs; else null. */
export function shiftedDigit(event: KeyboardEvent): number | null {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  return event.shiftKey && digit !== undefined ? Number(digit) : null;
}

/** The key that a foot pedal sends, as it was learned. F13 to F24 no keyboard has. */
export class Pedal {
  private learned = read();
  learning = false;

  is(event: KeyboardEvent): boolean {
    const known = this.learned !== "" && [event.code, named(event)].includes(this.learned);
    return known || isFarKey(event);
  }

  get name(): string {
    return this.learned;
  }

  learn(event: KeyboardEvent): void {
    this.learning = false;
    if (event.key === "Escape") return;
    this.learned = event.code || named(event);
    try {
      localStorage.setItem(PEDAL, this.learned);
    } catch {
      // A browser that keeps nothing: until the page is left.
    }
  }
}

function isFarKey(event: KeyboardEvent): boolean {
  return /^F(?:1[3-9]|2[0-4])$/.test(event.key);
}

function read(): string {
  try {
    return localStorage.getItem(PEDAL) ?? "";
  } catch {
    return "";
  }
}
