// Sound, where the browser lets us; where it asks for a click first, one click for all.

export class Sound {
  private wanted = true;
  private blocked = false;

  constructor(
    private readonly place: HTMLElement,
    private readonly button: HTMLElement,
  ) {
    window.addEventListener("pointerup", () => this.unblock());
    // Browsers pause what is not seen: another tab, a locked screen, a call. When it is seen again
    // nobody is there to press play.
    document.addEventListener("visibilitychange", () => this.resume());
    window.addEventListener("pageshow", () => this.resume());
  }

  /** Play on whatever the browser has paused, once the page is seen. */
  resume(): void {
    if (document.visibilityState !== "visible") return;
    for (const video of this.place.querySelectorAll("video")) if (video.paused) this.play(video);
  }

  /** "on", "off", or "blocked" until somebody clicks. */
  get state(): string {
    if (this.blocked) return "blocked";
    return this.wanted ? "on" : "off";
  }

  set on(wanted: boolean) {
    this.wanted = wanted;
    this.apply();
  }

  toggle(): void {
    this.on = !this.wanted;
  }

  /** Play this element, with sound if that may be. */
  play(video: HTMLVideoElement): void {
    video.muted = !this.wanted || this.blocked;
    video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      const first = !this.blocked;
      this.blocked = true;
      this.button.hidden = false;
      // Without sound most browsers let it play; with little power left some do not even then, and
      // the next touch plays it.
      if (first && !video.muted) this.apply();
    });
  }

  /** Somebody clicked or pressed a key: now the browser allows it. Whether that was awaited. */
  unblock(): boolean {
    const awaited = this.blocked;
    this.blocked = false;
    if (awaited) this.apply();
    return awaited;
  }

  private apply(): void {
    this.button.hidden = this.state !== "blocked";
    for (const video of this.place.querySelectorAll("video")) this.play(video);
  }
}
