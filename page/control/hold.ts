// Push-to-talk: held by fingers, buttons and keys, and let go when any of them could be gone.

const KEEPALIVE_MS = 300;
/** micstream lets go after a second; whoever was asleep for longer does not begin again unasked. */
const LAPSED_MS = 900;

export interface Talk {
  press(): void;
  keep(): void;
  release(): void;
  changed(held: boolean): void;
}

export class Hold {
  private readonly by = new Set<string>();
  private timer: number | undefined;
  private keptAt = 0;

  constructor(private readonly talk: Talk) {}

  get held(): boolean {
    return this.by.size > 0;
  }

  /** One more holds it: a pointer, a key. */
  down(name: string): void {
    if (this.by.has(name)) return;
    this.by.add(name);
    if (this.by.size > 1) return;
    this.talk.press();
    this.keptAt = performance.now();
    this.timer = setInterval(() => {
      this.keep();
    }, KEEPALIVE_MS);
    this.talk.changed(true);
  }

  up(name: string): void {
    if (this.by.delete(name) && !this.held) this.end();
  }

  /** Whoever holds it: the page is left, the line is lost, another has closed it. */
  letGo(): void {
    if (!this.held) return;
    this.by.clear();
    this.end();
  }

  private keep(): void {
    const now = performance.now();
    if (now - this.keptAt > LAPSED_MS) {
      this.letGo();
      return;
    }
    this.keptAt = now;
    this.talk.keep();
  }

  private end(): void {
    clearInterval(this.timer);
    this.talk.release();
    this.talk.changed(false);
  }
}

/** Have a button hold while it is pressed, by whatever points: several fingers, a mouse, a pen. */
export function holdBy(button: HTMLElement, hold: Hold): void {
  const name = (event: PointerEvent): string => `pointer ${event.pointerId}`;
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    button.setPointerCapture(event.pointerId);
    hold.down(name(event));
  });
  for (const gone of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
    button.addEventListener(gone, (event) => {
      hold.up(name(event));
    });
  }
  // A long touch is no question for a menu.
  button.addEventListener("contextmenu", (event) => {
    event.preventDefault();
  });
}

/** Let go whenever the page may not be told of a release. */
export function letGoWhenLeft(hold: Hold): void {
  const letGo = (): void => {
    hold.letGo();
  };
  for (const left of ["blur", "pagehide", "freeze"]) window.addEventListener(left, letGo);
  document.addEventListener("freeze", letGo);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") letGo();
  });
}
