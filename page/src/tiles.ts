// A picture for each avatar, side by side: as large as they can be, in the order of their joining.

import { type RemoteParticipant, type RemoteTrack, Track } from "livekit-client";

import { Keyed } from "./key";
import type { Sound } from "./sound";
import type { Shown } from "./watch";

export interface Tile {
  avatar: RemoteParticipant;
  video: HTMLVideoElement;
  stream: MediaStream;
  tracks: RemoteTrack[];
  keyed: Keyed | null;
}

const ASPECT = 16 / 9;
// A pause that the browser ends by itself, or a page that is being left, is over by then.
const RESUME_MS = 250;

/** The number of columns with which `count` pictures are largest on such a page, rather beside than below. */
export function columnsFor(count: number, width: number, height: number, aspect: number): number {
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min(width / columns, (height / rows) * aspect);
    if (scale > largest * 0.999) [best, largest] = [columns, scale];
  }
  return best;
}

export class Tiles implements Shown {
  private readonly tiles = new Map<string, Tile>();

  constructor(
    private readonly place: HTMLElement,
    private readonly sound: Sound,
    private readonly key: string | null = null,
  ) {
    window.addEventListener("resize", () => this.arrange());
  }

  get all(): Tile[] {
    return [...this.tiles.values()];
  }

  /** What is wrong where a colour shall be taken out of the pictures; "": nothing. */
  get keyTrouble(): string {
    const keys = this.all.flatMap((tile) => tile.keyed ?? []);
    if (keys.some((key) => !key.works)) return "this browser cannot take out the key's colour";
    return keys.some((key) => key.slow) ? "key without a graphics card: pictures are lost" : "";
  }

  add(avatar: RemoteParticipant, track: RemoteTrack): void {
    const tile = this.tiles.get(avatar.identity) ?? this.newTile(avatar);
    for (const old of tile.tracks.filter((each) => each.kind === track.kind)) drop(tile, old);
    tile.tracks.push(track);
    // Both tracks of an avatar play in one element: the browser keeps them in step.
    tile.stream.addTrack(track.mediaStreamTrack);
    if (track.kind === Track.Kind.Video) this.showAtFirstFrame(tile, track);
    this.sound.play(tile.video);
  }

  remove(avatar: RemoteParticipant, track: RemoteTrack): void {
    const tile = this.tiles.get(avatar.identity);
    if (!tile) return;
    drop(tile, track);
    if (!hasVideo(tile)) tile.video.classList.remove("live");
    if (!tile.tracks.length) this.forget(tile);
    this.arrange();
  }

  clear(): void {
    for (const tile of this.all) this.forget(tile);
    this.arrange();
  }

  private newTile(avatar: RemoteParticipant): Tile {
    const video = document.createElement("video");
    video.playsInline = true;
    video.disablePictureInPicture = true;
    const keyed = this.key === null ? null : new Keyed(video, this.key);
    const tile: Tile = { avatar, video, stream: new MediaStream(), tracks: [], keyed };
    video.classList.toggle("keyed", keyed?.works === true);
    video.srcObject = tile.stream;
    video.addEventListener("resize", () => this.arrange());
    video.addEventListener("pause", () => setTimeout(() => this.sound.resume(), RESUME_MS));
    this.tiles.set(avatar.identity, tile);
    for (const { video, keyed } of this.all.sort(byJoining))
      this.place.append(video, ...(keyed?.works ? [keyed.canvas] : []));
    return tile;
  }

  // Until then the poster stays: a picture that is still to come is black.
  private showAtFirstFrame(tile: Tile, track: RemoteTrack): void {
    const show = (): void => {
      if (!tile.tracks.includes(track)) return;
      tile.video.classList.add("live");
      this.arrange();
    };
    if ("requestVideoFrameCallback" in tile.video) tile.video.requestVideoFrameCallback(show);
    // Its size is known from the first picture on; it may have been playing sound before.
    else (tile.video as HTMLVideoElement).addEventListener("resize", show, { once: true });
  }

  private forget(tile: Tile): void {
    for (const track of [...tile.tracks]) drop(tile, track);
    tile.video.srcObject = null;
    tile.video.remove();
    tile.keyed?.end();
    this.tiles.delete(tile.avatar.identity);
  }

  private arrange(): void {
    const live = this.all.filter((tile) => tile.video.classList.contains("live"));
    document.documentElement.classList.toggle("empty", !live.length);
    const first = live[0]?.video;
    const aspect = first?.videoHeight ? first.videoWidth / first.videoHeight : ASPECT;
    const columns = columnsFor(live.length, innerWidth, innerHeight, aspect);
    const rows = Math.ceil(live.length / columns);
    this.place.style.setProperty("--tile-width", `${100 / columns}%`);
    this.place.style.setProperty("--tile-height", `${100 / rows}%`);
  }
}

function drop(tile: Tile, track: RemoteTrack): void {
  tile.stream.removeTrack(track.mediaStreamTrack);
  tile.tracks = tile.tracks.filter((each) => each !== track);
}

function hasVideo(tile: Tile): boolean {
  return tile.tracks.some((each) => each.kind === Track.Kind.Video);
}

function byJoining(a: Tile, b: Tile): number {
  const moments = [a, b].map((tile) => tile.avatar.joinedAt?.getTime() ?? Infinity);
  const later = (moments[0] ?? 0) - (moments[1] ?? 0);
  return later || (a.avatar.identity < b.avatar.identity ? -1 : 1);
}
