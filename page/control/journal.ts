// What was said, and what was done: by whom, so that two operators see each other's acts.

import { element, made } from "./draw";
import type { Happened } from "./wire";
import { act, clock, seconds, who } from "./words";

const KEPT = 30;
const OWN_MS = 1500;

interface Utterance {
  row: HTMLLIElement;
  text: HTMLSpanElement;
  note: HTMLSpanElement;
  said: string;
  by: string;
}

export class Journal {
  private readonly own = new Map<string, number>();
  private readonly utterances = new Map<string, Utterance>();
  private readonly avatars = new Set<string>();
  private newest = 0;

  /** This page asks for a verb: what follows is its own act. */
  asks(verb: string): void {
    this.own.set(verb, performance.now());
  }

  /** A new line: what happened without one is not known. */
  again(): void {
    for (const { row, note } of this.utterances.values()) {
      if (row.className !== "over") note.textContent = "not known";
      row.className = "over";
    }
    this.utterances.clear();
  }

  take(event: Happened): void {
    this.utterance(event);
    const done = act(event);
    if (done === null) return;
    const by = event.by ?? "";
    const now = performance.now();
    const own = done.verbs.some((verb) => now - (this.own.get(verb) ?? -OWN_MS) < OWN_MS);
    const row = made("li", "");
    const acting = who(by, own);
    row.append(made("time", "", clock(event.t)), made("span", "what", done.text));
    if (acting) row.append(made("span", "who", acting));
    if (by === "page" && !own) row.classList.add("another");
    add("acts", row);
  }

  private utterance(event: Happened): void {
    const id = `${String(event.avatar)} ${String(event.id)}`;
    if (event.event === "utterance_started") {
      const row = made("li", "sending");
      // Who says it, where several have been spoken through.
      this.avatars.add(String(event.avatar));
      const by = this.avatars.size > 1 ? ` · ${String(event.avatar)}` : "";
      const [text, note] = [made("span", "what", `being said${by}`), made("span", "who")];
      row.append(made("time", "", clock(event.t)), text, note);
      this.utterances.set(id, { row, text, note, said: "", by });
      if (++this.newest > KEPT) this.utterances.delete(this.utterances.keys().next().value ?? "");
      add("utterances", row);
      return;
    }
    const known = this.utterances.get(id);
    if (known === undefined) return;
    if (event.event === "utterance_ended") {
      known.said = `${Number(event.duration_s).toFixed(1)} s`;
      known.text.textContent = known.said + known.by;
      if (known.row.className === "sending") known.row.className = "sent";
    } else if (event.event === "playback_started") {
      known.row.className = "heard";
      known.note.textContent = `heard ${seconds(Number(event.delay_ms) / 1000)} late`;
    } else if (event.event === "playback_finished") {
      known.row.className = "over";
      const heard = `${Number(event.position_s).toFixed(1)} s`;
      if (event.interrupted) known.note.textContent = `interrupted after ${heard}`;
      else if (!known.note.textContent) known.note.textContent = "heard";
    }
  }
}

function add(list: string, row: HTMLLIElement): void {
  const into = element(list);
  into.prepend(row);
  while (into.childElementCount > KEPT) into.lastElementChild?.remove();
}
