// The line to micstream: one socket, that is known to be dead within a second, and comes back.
//
// A browser tells a page nothing of a line without an answer, so it pings. While there is none,
// nothing is sent: what was pressed then would be done later, when nobody expects it any more.

import type { Answer, Hello, Levels, LineTrouble, Listener, State, Happened } from "./wire";

const TICK_MS = 100;
const PING_EVERY_MS = 300;
/** A ping without an answer for so long: lost. With the interval it is told within a second. */
const LOST_MS = 550;
/** And then another line is tried. */
const GIVEN_UP_MS = 3000;
const SOONEST_MS = 250;
const LATEST_MS = 1000;
/** Between two ticks so long: this page stood still, and knows nothing of the line. */
const ASLEEP_MS = 1500;
const GOING_AWAY = 1001;

type Said =
  | { hello: Hello }
  | { state: State }
  | { levels: Levels }
  | { pong: unknown }
  | Answer
  | Happened;

export class Line {
  private socket: WebSocket | null = null;
  private pingedAt: number | null = null;
  private pings = 0;
  private answeredAt = 0;
  private tickedAt = 0;
  private begunAt = 0;
  private retryAt = 0;
  private pause = SOONEST_MS;
  private trouble: LineTrouble | null = "connecting";
  private asked = 0;
  private readonly answers = new Map<number, (answer: Answer) => void>();
  private levelsWanted = false;

  constructor(private readonly listener: Listener) {}

  begin(): void {
    this.listener.line(this.trouble);
    this.connect();
    setInterval(() => {
      this.tick();
    }, TICK_MS);
    // The network is back, the tablet wakes up: at once.
    for (const event of ["online", "pageshow", "focus"]) {
      window.addEventListener(event, () => {
        this.retryAt = 0;
        this.tick();
      });
    }
  }

  get good(): boolean {
    return this.trouble === null;
  }

  /** Send it, and get the answer; null: there is no line, and it was not sent. `late`: it is as
   * good when it arrives late, and is sent while nobody answers. */
  ask(message: Record<string, unknown>, late = false): Promise<Answer> | null {
    if (!(this.good || late) || this.socket?.readyState !== WebSocket.OPEN) return null;
    const id = ++this.asked;
    this.socket.send(JSON.stringify({ ...message, id }));
    return new Promise((resolve) => this.answers.set(id, resolve));
  }

  wantLevels(wanted: boolean): void {
    if (wanted === this.levelsWanted) return;
    this.levelsWanted = wanted;
    if (this.good) this.subscribe();
  }

  private subscribe(): void {
    this.socket?.send(JSON.stringify({ subscribe: this.levelsWanted ? ["levels"] : [] }));
  }

  // ---- the socket ------------------------------------------------------------------------------

  private connect(): void {
    const address = new URL("socket", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.search = address.hash = "";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.begunAt = performance.now();
    socket.onmessage = (event) => {
      if (socket === this.socket) this.heard(JSON.parse(String(event.data)) as Said);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code === GOING_AWAY);
    };
  }

  private closed(ended: boolean): void {
    const known = this.pingedAt !== null || this.good;
    this.drop();
    this.pause = known ? SOONEST_MS : Math.min(1.5 * this.pause, LATEST_MS);
    this.retryAt = performance.now() + this.pause;
    if (ended) this.become("ended");
    else if (known) this.become(this.trouble === "ended" ? "ended" : "lost");
    else void this.askWhy();
  }

  /** A browser does not say why a socket was refused; a plain request does. */
  private async askWhy(): Promise<void> {
    try {
      const { status } = await fetch("socket", { cache: "no-store" });
      if (this.socket === null && status === 403) this.become("refused");
      else if (this.socket === null && status === 503) this.become("full");
    } catch {
      // Nobody there: as it was said.
    }
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.pingedAt = null;
    socket?.close();
    for (const resolve of this.answers.values()) resolve({ answer: null, ok: false, code: "lost" });
    this.answers.clear();
  }

  private tick(): void {
    const now = performance.now();
    const socket = this.socket;
    const asleep = now - this.tickedAt > ASLEEP_MS;
    this.tickedAt = now;
    if (asleep && socket?.readyState === WebSocket.OPEN) {
      this.ping(socket, now);
    } else if (socket === null) {
      if (now >= this.retryAt) this.connect();
    } else if (socket.readyState !== WebSocket.OPEN) {
      if (now - this.begunAt > GIVEN_UP_MS) this.closed(false);
    } else if (this.pingedAt === null) {
      if (now - this.answeredAt >= PING_EVERY_MS - TICK_MS / 2) this.ping(socket, now);
    } else if (now - this.pingedAt > GIVEN_UP_MS) {
      this.closed(false);
    } else if (now - this.pingedAt > LOST_MS) {
      this.become(this.trouble ?? "lost");
    }
  }

  private ping(socket: WebSocket, now: number): void {
    this.pingedAt = now;
    socket.send(JSON.stringify({ ping: ++this.pings }));
  }

  private become(trouble: LineTrouble | null): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.listener.line(trouble);
  }

  private heard(said: Said): void {
    if ("pong" in said) {
      // Only the last one: an answer from before says nothing of now.
      if (said.pong !== this.pings) return;
      this.pingedAt = null;
      this.answeredAt = performance.now();
      this.pause = SOONEST_MS;
      const back = !this.good;
      this.become(null);
      if (back && this.levelsWanted) this.subscribe();
    } else if ("answer" in said) {
      const id = said.answer as number | null;
      if (id !== null) this.answers.get(id)?.(said as Answer);
      if (id !== null) this.answers.delete(id);
    } else if ("event" in said) this.listener.event(said);
    else if ("hello" in said) this.listener.hello(said.hello as Hello);
    else if ("state" in said) this.listener.state(said.state as State);
    else if ("levels" in said) this.listener.levels(said.levels as Levels);
  }
}
