// A small sign that says that the page is not in the room: without it an empty stage looks the same.

const AFTER_MS = 3000;

export class Sign {
  private timer: number | undefined;

  constructor(private readonly place: HTMLElement) {}

  /** Say why there is no connection, once it has lasted; null: there is one. */
  say(why: string | null): void {
    if (why !== null) this.place.textContent = why;
    if (why === null) {
      clearTimeout(this.timer);
      this.timer = undefined;
      document.documentElement.classList.remove("cut-off");
      return;
    }
    this.timer ??= setTimeout(
      () => document.documentElement.classList.add("cut-off"),
      AFTER_MS,
    );
  }
}
