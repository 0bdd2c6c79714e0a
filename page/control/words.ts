// What the state means, in the words of the live view. Pure.

import type { Happened, LineTrouble, State } from "./wire";

export type Tone = "bad" | "shut" | "ready" | "live";

export interface Word {
  text: string;
  tone: Tone;
}

/** The state in one word, and whether it is one to worry about. */
export function word(state: State): Word {
  const bad = obstacle(state);
  if (bad) return { text: bad, tone: "bad" };
  if (state.cue) return { text: "PLAYING CUE", tone: "live" };
  if (state.muted) return { text: "MUTED", tone: "shut" };
  if (state.speaking) return { text: "SPEAKING", tone: "live" };
  if (state.gate === "open") return { text: "OPEN", tone: "live" };
  if (state.gate === "closed") return { text: "CLOSED", tone: "shut" };
  return { text: "LISTENING", tone: "ready" };
}

function obstacle(state: State): string | null {
  if (state.connection === "reconnecting" || state.connection === "lost") return "RECONNECTING";
  if (state.connection === "connecting") return "CONNECTING";
  if (state.microphone === "lost") return "NO MICROPHONE";
  if (state.microphone === "zeros") return "DEAD MIC";
  if (state.ready || state.avatars.some((avatar) => avatar.link === "listening")) return null;
  if (state.avatars.some((avatar) => avatar.link === "silent")) return "SILENT AVATAR";
  if (state.avatars.some((avatar) => avatar.link === "bound")) return "AVATAR TAKEN";
  return "NO AVATAR";
}

/** What the one word leaves out. */
export function more(state: State): string {
  const said = word(state).text;
  const parts: string[] = [];
  if (state.cue) parts.push(state.cue.name);
  if (state.muted && said !== "MUTED") parts.push("muted");
  else if (state.held) parts.push("push-to-talk");
  else if (state.gate === "open" && said !== "OPEN") parts.push("open by hand");
  else if (state.gate === "detector" && said !== "LISTENING") parts.push("automatic");
  return parts.join(" · ");
}

/** What the audience hears now, by the avatars' own reports. */
export function audience(state: State): string {
  const playing = state.avatars.filter((avatar) => avatar.playing);
  if (state.cue?.heard) return `hears ${state.cue.name}`;
  if (state.cue) return `does not hear ${state.cue.name} yet`;
  if (playing.length === 0) return state.speaking ? "does not hear it yet" : "hears nothing";
  const names = state.route === null ? "the avatar" : playing.map((each) => each.name).join(", ");
  return `hears ${names}`;
}

/** How late it is heard. */
export function lateness(state: State): string {
  const last = [...state.avatars].reverse().find((each) => each.delay_ms !== null)?.delay_ms;
  const parts: string[] = [];
  if (last != null) parts.push(`${seconds(last / 1000)} late`);
  if (state.delay_median_ms !== null) {
    const [median, most] = [state.delay_median_ms, state.delay_max_ms ?? state.delay_median_ms];
    parts.push(`median ${seconds(median / 1000)}, worst ${seconds(most / 1000)}`);
  }
  if (state.backlog_s > 0) parts.push(`${state.backlog_s.toFixed(1)} s still to come`);
  return parts.join(" · ");
}

export function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

/** Hours, minutes and seconds of a moment, in unix seconds. */
export function clock(t: number): string {
  const at = new Date(1000 * t);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

export const LINE: Record<LineTrouble, [title: string, what: string]> = {
  connecting: ["CONNECTING", "micstream has not answered yet."],
  lost: ["NO CONNECTION", "micstream does not answer. Trying again; nothing here works until then."],
  ended: ["SHOW IS OVER", "micstream has ended. This page is back as soon as it is."],
  refused: ["WRONG LINK", "This link is another show's. Open the one that micstream live prints."],
  full: ["NO PLACE", "Ten pages and programs are connected already. Close one of them."],
};

const ENDS: Record<string, string> = {
  end: "played to its end",
  stop: "stopped",
  replaced: "another one was played",
  performer: "somebody spoke",
  interrupt: "cut off",
  panic: "cut off",
  shutdown: "the session ended",
};
const BY: Record<string, string> = {
  key: "terminal",
  ctl: "ctl",
  http: "a program",
  osc: "OSC",
  program: "a program",
};

/** What somebody has done, and the verb; null: it is no act. */
export function act(event: Happened): { text: string; verbs: string[] } | null {
  switch (event.event) {
    case "gate":
      return { text: gate(event), verbs: ["mute", "talk", "manual", "auto", "cough", "panic"] };
    case "interrupted":
      return { text: "interrupted", verbs: ["interrupt", "panic"] };
    case "cue_started":
      return { text: `cue ${String(event.cue)}`, verbs: ["cue"] };
    case "cue_ended": {
      const how = String(event.reason);
      return { text: `cue ${String(event.cue)}: ${ENDS[how] ?? how}`, verbs: ["cue", "panic"] };
    }
    case "route":
      return { text: `route ${event.number ? String(event.number) : "all"}`, verbs: ["route"] };
    case "performer": {
      const who = String(event.name);
      return { text: who ? `${who} has the voice` : "the voice is free", verbs: ["performer"] };
    }
    case "marked":
      return { text: `mark: ${String(event.text)}`, verbs: ["mark"] };
    default:
      return null;
  }
}

function gate(event: Happened): string {
  if (event.muted) return "muted";
  if (event.held) return "push-to-talk";
  return { open: "open by hand", closed: "closed" }[String(event.state)] ?? "automatic";
}

/** Who has done it; `own`: this page has just asked for that. */
export function who(by: string, own: boolean): string {
  if (by === "page") return own ? "this page" : "another page";
  return BY[by] ?? by;
}
