// What is: the state, large; the audience; the avatars; the buttons' lights.

import { element, made, mark, write } from "./draw";
import type { Hello, Levels, LineTrouble, PlayingCue, State } from "./wire";
import { audience, clock, lateness, LINE, more, seconds, word } from "./words";

const FLOOR_DB = -60;
const PEAK_HELD_MS = 1500;
const CLIP_HELD_MS = 2000;
const NOTICE_MS = 6000;

const LINKS: Record<string, string> = {
  absent: "not here",
  joined: "here, does not listen yet",
  listening: "listens",
  silent: "answers nothing",
  bound: "listens to another",
};

const MICROPHONES: Record<string, string> = {
  none: "not here yet",
  capturing: "",
  lost: "NO MICROPHONE",
  zeros: "SILENT MICROPHONE",
};

export class Panel {
  private cue: PlayingCue | null = null;
  private cues: HTMLButtonElement[] = [];
  private routes: HTMLButtonElement[] = [];
  private performers: HTMLButtonElement[] = [];
  /** Least difference seen between this clock and micstream's, in seconds. */
  private ahead = Infinity;
  private peak = FLOOR_DB;
  private peakAt = 0;
  private clippedAt = -CLIP_HELD_MS;
  private lostSince = 0;
  private noticeTimer: number | undefined;

  constructor() {
    setInterval(() => {
      this.progress();
      this.away();
    }, 250);
  }

  // ---- the line --------------------------------------------------------------------------------

  line(trouble: LineTrouble | null): void {
    const lost = trouble !== null;
    document.documentElement.dataset.line = trouble ?? "good";
    element<HTMLFieldSetElement>("controls").disabled = lost;
    element("lost").hidden = !lost;
    if (trouble === null) {
      this.lostSince = 0;
      return;
    }
    this.lostSince ||= Date.now();
    const [title, what] = LINE[trouble];
    write(element("lost-title"), title);
    write(element("lost-what"), what);
    write(element("word"), title);
    mark(element("state"), "data-tone", "bad");
    write(element("more"), "what is shown below is from before");
    // What is lit says what is heard now, and of that nothing is known.
    for (const shining of document.querySelectorAll("[data-lit]")) mark(shining, "data-lit", null);
    mark(element("audience"), "data-heard", "false");
    write(element("hears"), "is not known");
    this.cue = null;
    this.level(null);
    this.away();
  }

  private away(): void {
    if (this.lostSince === 0) return;
    const since = Math.round((Date.now() - this.lostSince) / 1000);
    write(element("lost-since"), since > 0 ? `for ${since} s` : "");
  }

  // ---- the state -------------------------------------------------------------------------------

  state(state: State): void {
    const now = word(state);
    write(element("word"), now.text);
    mark(element("state"), "data-tone", now.tone);
    write(element("more"), more(state));
    write(element("hears"), audience(state));
    mark(element("audience"), "data-heard", String(state.avatars.some((each) => each.playing)));
    write(element("late"), lateness(state));
    if (state.t !== null) this.ahead = Math.min(this.ahead, Date.now() / 1000 - state.t);
    this.lights(state);
    this.cue = state.cue;
    this.progress();
    this.avatars(state);
    this.trouble("warning", state);
    this.trouble("error", state);
    const { mark: last, marks } = state;
    write(element("last-mark"), last ? `${marks}: ${last.text} (${clock(last.t)})` : "none yet");
  }

  private lights(state: State): void {
    lit("mute", state.muted);
    lit("manual", !state.muted && state.gate === "open" && !state.held);
    lit("auto", !state.muted && state.gate === "detector");
    // Lit in full once the audience hears it, half as long as it is only sent.
    const heard = state.avatars.some((avatar) => avatar.playing) && state.cue === null;
    mark(element("talk"), "data-lit", state.held ? (heard ? "heard" : "sent") : null);
    mark(element("talk"), "data-muted", state.muted ? "" : null);
    for (const [number, button] of this.cues.entries()) {
      const cue = state.cue?.number === number + 1 ? state.cue : null;
      mark(button, "data-lit", cue ? (cue.heard ? "heard" : "sent") : null);
      button.setAttribute("aria-pressed", String(cue !== null));
    }
    lit("stop", state.cue !== null);
    for (const [number, button] of this.routes.entries()) {
      button.setAttribute("aria-pressed", String(state.route === number));
    }
    for (const [number, button] of this.performers.entries()) {
      // The state names the first few, and of a long name its beginning.
      const known = state.performers[number];
      const name = known?.name ?? button.dataset.name;
      button.setAttribute("aria-pressed", String(state.performer === name));
      const microphone = known?.microphone ?? (state.performers.length ? "" : "none");
      write(button.lastElementChild!, MICROPHONES[microphone] ?? "");
    }
  }

  private progress(): void {
    const { cue } = this;
    for (const [number, button] of this.cues.entries()) {
      const left = button.querySelector(".left");
      if (left === null || !left.isConnected) continue;
      const plays = cue !== null && cue.number === number + 1;
      const gone = plays ? Date.now() / 1000 - this.ahead - cue.since : 0;
      const whole = plays ? cue.duration_s : Number(button.dataset.duration);
      const rest = Math.max(0, whole - Math.max(0, gone));
      write(left, whole > 0 ? `${rest.toFixed(rest < 10 ? 1 : 0)} s` : "");
      const done = whole > 0 && plays ? 100 * (1 - rest / whole) : 0;
      button.style.setProperty("--done", `${done.toFixed(0)}%`);
    }
  }

  private avatars(state: State): void {
    const list = element("avatars");
    while (list.childElementCount > state.avatars.length) list.lastElementChild?.remove();
    for (const [place, avatar] of state.avatars.entries()) {
      const row = list.children[place] ?? list.appendChild(rowOfAvatar());
      row.className = avatar.playing ? "playing" : avatar.link;
      const parts = [avatar.playing ? "is heard" : (LINKS[avatar.link] ?? avatar.link)];
      if (avatar.delay_ms !== null) parts.push(`${seconds(avatar.delay_ms / 1000)} late`);
      if (avatar.backlog_s > 0) parts.push(`${avatar.backlog_s.toFixed(1)} s to come`);
      write(row.children[0]!, avatar.name);
      write(row.children[1]!, parts.join(" · "));
    }
    element("no-avatars").hidden = state.avatars.length > 0;
  }

  private trouble(kind: "warning" | "error", state: State): void {
    const trouble = state[kind];
    element(kind).hidden = trouble === null;
    if (trouble === null) return;
    write(element(`${kind}-said`), `${clock(trouble.t)} ${trouble.message}`);
    write(element(`${kind}-hint`), trouble.hint);
  }

  // ---- what is there ---------------------------------------------------------------------------

  /** Cues and routes as the show has them; `press` is told which. */
  build(hello: Hello, press: (verb: string, argument: string | number) => void): void {
    const cues = element("cues");
    cues.replaceChildren();
    this.cues = hello.cues.map((cue) => {
      const button = made("button", "cue");
      button.type = "button";
      if (cue.colour) button.style.setProperty("--colour", cue.colour);
      const key = cue.key || (cue.number < 10 ? String(cue.number) : "");
      button.append(made("span", "name", cue.name), made("kbd", "", key), made("span", "left"));
      button.dataset.duration = String(cue.duration_s);
      button.disabled = cue.problem !== "";
      if (cue.problem) button.append(made("span", "problem", cue.problem));
      button.addEventListener("click", () => {
        press("cue", this.cue?.number === cue.number && this.cue.sending ? "stop" : cue.number);
      });
      cues.append(button);
      return button;
    });
    element("cue-area").hidden = hello.cues.length === 0;
    const several = hello.avatars.length > 1;
    element("route-area").hidden = !several;
    const names = several ? ["all", ...hello.avatars] : [];
    this.routes = names.map((name, number) => {
      const button = made("button", "", name);
      button.type = "button";
      button.addEventListener("click", () => {
        press("route", number);
      });
      return button;
    });
    element("routes").replaceChildren(...this.routes);
    element("performer-area").hidden = hello.performers.length === 0;
    this.performers = hello.performers.map((name) => {
      const button = made("button", "", name);
      button.type = "button";
      button.dataset.name = name;
      button.append(made("small", ""));
      button.addEventListener("click", () => {
        press("performer", name);
      });
      return button;
    });
    element("performers").replaceChildren(...this.performers);
  }

  // ---- the level -------------------------------------------------------------------------------

  level(levels: Levels | null): void {
    const now = performance.now();
    if (levels === null) this.peak = FLOOR_DB;
    else if (levels.peak_db >= this.peak || now - this.peakAt > PEAK_HELD_MS) {
      [this.peak, this.peakAt] = [levels.peak_db, now];
    }
    if (levels?.clipping) this.clippedAt = now;
    const meter = element("meter");
    meter.style.setProperty("--level", share(levels?.rms_db ?? FLOOR_DB));
    meter.style.setProperty("--peak", share(this.peak));
    const clipped = now - this.clippedAt < CLIP_HELD_MS;
    mark(meter, "data-clipping", clipped ? "" : null);
    const said = levels === null ? "" : `${levels.rms_db.toFixed(0)} dB`;
    write(element("level"), clipped ? "TOO LOUD" : said);
  }

  // ---- what was refused ------------------------------------------------------------------------

  notice(message: string, hint = ""): void {
    write(element("notice-said"), message);
    write(element("notice-hint"), hint);
    element("notice").hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => {
      element("notice").hidden = true;
    }, NOTICE_MS);
  }
}

function lit(id: string, on: boolean): void {
  element(id).setAttribute("aria-pressed", String(on));
}

function share(db: number): string {
  return `${(100 * Math.min(1, Math.max(0, 1 - db / FLOOR_DB))).toFixed(1)}%`;
}

function rowOfAvatar(): HTMLLIElement {
  const row = made("li", "");
  row.append(made("span", "what"), made("span", "who"));
  return row;
}
