// What micstream's control server says, as far as the page uses it: see micstream/show/client.py.

export interface Avatar {
  name: string;
  link: "absent" | "joined" | "listening" | "silent" | "bound";
  playing: boolean;
  backlog_s: number;
  delay_ms: number | null;
}

export interface PlayingCue {
  name: string;
  number: number;
  since: number;
  duration_s: number;
  sending: boolean;
  heard: boolean;
}

export interface Trouble {
  t: number;
  code: string;
  message: string;
  hint: string;
}

export interface State {
  gate: "open" | "closed" | "detector";
  muted: boolean;
  held: boolean;
  cue: PlayingCue | null;
  marks: number;
  mark: { t: number; text: string } | null;
  route: number | null;
  performer: string | null;
  performers: { name: string; microphone: "none" | "capturing" | "lost" | "zeros" }[];
  connection: "none" | "connecting" | "connected" | "reconnecting" | "lost";
  ready: boolean;
  heard: boolean;
  microphone: "none" | "capturing" | "lost" | "zeros";
  speaking: boolean;
  backlog_s: number;
  avatars: Avatar[];
  delay_median_ms: number | null;
  delay_max_ms: number | null;
  dropped_s: number;
  warning: Trouble | null;
  error: Trouble | null;
  t: number | null;
}

export interface Cue {
  name: string;
  number: number;
  colour: string;
  key: string;
  duration_s: number;
  problem: string;
}

export interface Hello {
  api: number;
  version: string;
  verbs: { name: string; takes: string; help: string }[];
  avatars: string[];
  performers: string[];
  cues: Cue[];
  keys: Record<string, string>;
}

export interface Levels {
  rms_db: number;
  peak_db: number;
  clipping: boolean;
}

export interface Answer {
  answer: number | null;
  ok: boolean;
  code?: string;
  message?: string;
  hint?: string;
}

/** An event as in `--json`; which fields there are depends on its name. */
export interface Happened {
  event: string;
  t: number;
  by?: string;
  [field: string]: unknown;
}

export interface Listener {
  hello(hello: Hello): void;
  state(state: State): void;
  event(event: Happened): void;
  levels(levels: Levels): void;
  /** The line is good, or why it is not. */
  line(trouble: LineTrouble | null): void;
}

/** connecting: for the first time; lost: no answer; ended: the show is over; refused: the key is
 * another's; full: no place. */
export type LineTrouble = "connecting" | "lost" | "ended" | "refused" | "full";
