// How the page looks: what `micstream stage` was told, and over it the page's own query.

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

/** The query over what the server says. What cannot be used is left as it was. */
export function withQuery(look: Look, query: URLSearchParams): Look {
  const background = query.get("background");
  const fit = query.get("fit");
  const poster = query.get("poster");
  return {
    background: background && isBackground(background) ? background : look.background,
    fit: fit === "fit" || fit === "fill" ? fit : look.fit,
    mirror: flag(query.get("mirror"), look.mirror),
    poster:
      poster === "auto" || poster === "drawn" || poster === "image" || poster === "none"
        ? poster
        : look.poster,
    sound: flag(query.get("sound"), look.sound),
  };
}

/** The identities and prefixes that the query names, else those of the server. */
export function avatarsWithQuery(avatars: string[], query: URLSearchParams): string[] {
  const named = query.getAll("avatar").filter((each) => each !== "");
  return named.length ? named : avatars;
}

/** Put it on the page. */
export function show(look: Look): void {
  const root = document.documentElement;
  root.style.setProperty("--background", colour(look.background));
  root.classList.toggle("fill", look.fit === "fill");
  root.classList.toggle("mirror", look.mirror);
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

function posterOf(look: Look): Look["poster"] {
  const seenThrough = look.background === "transparent" || look.background === "chroma";
  if (look.poster === "auto") return seenThrough ? "none" : "drawn";
  return look.poster;
}

function colour(background: string): string {
  return background === "chroma" ? CHROMA : background;
}

function isBackground(value: string): boolean {
  return value === "chroma" || CSS.supports("color", value);
}

// `?mirror`, `?mirror=1` and `?sound=on` say yes; `?sound=off`, `0` and `false` say no.
function flag(value: string | null, otherwise: boolean): boolean {
  if (value === null) return otherwise;
  return !["0", "off", "no", "false"].includes(value.toLowerCase());
}
