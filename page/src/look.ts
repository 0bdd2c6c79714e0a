// How the page looks: what `micstream stage` was told, and over it the page's own link.

export interface Look {
  /** `transparent`, `chroma`, or any colour of CSS. */
  background: string;
  fit: "fit" | "fill";
  mirror: boolean;
  /** Shown while no avatar is there; `auto`: drawn, but not over what shall be seen through. */
  poster: "auto" | "drawn" | "image" | "none";
  sound: boolean;
}

export const PLAIN: Look = {
  background: "transparent",
  fit: "fit",
  mirror: false,
  poster: "none",
  sound: true,
};

// The green that keyers expect.
const CHROMA = "#00b140";

// A grey has nothing that a keyer could tell it by.
const LEAST_COLOUR = 40;

const YES = ["", "1", "on", "yes", "true"];
const NO = ["0", "off", "no", "false"];
const FITS = ["fit", "fill"] as const;
const POSTERS = ["auto", "drawn", "image", "none"] as const;

// What a colour may be in CSS without being one of its own.
const NO_COLOUR = /^(inherit|initial|unset|revert|revert-layer|currentcolor)$|var\(|env\(/i;

/** What a link asks for, and what in it cannot be used: that is left as it was, and told. */
export class Asked {
  readonly unused: [string, string][] = [];
  readonly avatars: string[] = [];
  readonly overlay: boolean;
  /** Colour of the avatars' own backdrop, to be taken out; null: their picture is left as it is. */
  readonly key: string | null;
  private readonly look: { [Name in keyof Look]?: Look[Name] | undefined } = {};

  constructor(address: { search: string; hash: string }) {
    // In a link `#` is `%23`. Who writes it as it is means the colour: the page has no parts.
    const query = new URLSearchParams(address.search + address.hash.replaceAll("#", "%23"));
    let overlay: boolean | undefined;
    let key: string | undefined;
    for (const [name, value] of query) {
      const word = value.trim();
      const lower = word.toLowerCase();
      let used: unknown;
      if (name === "background") used = this.look.background ??= background(word);
      else if (name === "fit") used = this.look.fit ??= FITS.find((each) => each === lower);
      else if (name === "poster") used = this.look.poster ??= POSTERS.find((each) => each === lower);
      else if (name === "mirror") used = this.look.mirror ??= flag(lower);
      else if (name === "sound") used = this.look.sound ??= flag(lower);
      else if (name === "overlay") used = overlay ??= flag(lower);
      else if (name === "key") used = key ??= keyColour(word);
      else if (name === "avatar" && word !== "") used = this.avatars.push(word);
      if (used === undefined) this.unused.push([name, value]);
    }
    this.overlay = overlay ?? false;
    this.key = key ?? null;
  }

  /** The link over what the server says. */
  over(look: Look): Look {
    const asked = Object.entries(this.look).filter(([, value]) => value !== undefined);
    return { ...look, ...Object.fromEntries(asked) };
  }
}

/** Put it on the page. */
export function show(look: Look): void {
  const root = document.documentElement;
  root.style.setProperty("--background", colour(look.background));
  root.classList.toggle("fill", look.fit === "fill");
  root.classList.toggle("mirror", look.mirror);
  root.classList.toggle("seen-through", isSeenThrough(look));
  const poster = posterOf(look);
  element("poster-drawn").toggleAttribute("hidden", poster !== "drawn");
  const image = element("poster-image") as HTMLImageElement;
  image.toggleAttribute("hidden", poster !== "image");
  if (poster === "image" && !image.src) image.src = "poster";
}

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/** Red, green and blue of a colour of CSS, 0 to 255. */
export function rgb(css: string): [number, number, number] {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1, 1];
  const pen = canvas.getContext("2d");
  if (!pen) return [0, 0, 0];
  pen.fillStyle = css;
  pen.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = pen.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

function isSeenThrough(look: Look): boolean {
  return look.background === "transparent" || look.background === "chroma";
}

function posterOf(look: Look): Look["poster"] {
  if (look.poster === "auto") return isSeenThrough(look) ? "none" : "drawn";
  return look.poster;
}

function colour(background: string): string {
  return background === "chroma" ? CHROMA : background;
}

function background(value: string): string | undefined {
  const lower = value.toLowerCase();
  if (lower === "chroma" || lower === "transparent") return lower;
  return isColour(value) ? value : undefined;
}

function keyColour(value: string): string | undefined {
  const css = value.toLowerCase() === "chroma" ? CHROMA : value;
  if (!isColour(css)) return undefined;
  const parts = rgb(css);
  return Math.max(...parts) - Math.min(...parts) < LEAST_COLOUR ? undefined : css;
}

function isColour(value: string): boolean {
  return CSS.supports("color", value) && !NO_COLOUR.test(value);
}

// `?mirror`, `?mirror=1` and `?sound=on` say yes; `?sound=off`, `0` and `false` say no.
function flag(word: string): boolean | undefined {
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}
