// Sound, where the browser lets us; where it asks for a click first, one click for all.

export class Sound {
  private wanted = true;
  private blocked = false;

  constructor(
    private readonly place: HTMLElement,
    private readonly button: HTMLElement,
  ) {
    window.addEventListener("pointerup", () => this.unblock());
  }

  /** "on", "off", or "blocked" until somebody clicks. */
  get state(): string {
    if (!this.wanted) return "off";
    return this.blocked ? "blocked" : "on";
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
      // A picture without sound may always play.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      if (video.muted) return;
      this.blocked = true;
      this.apply();
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
