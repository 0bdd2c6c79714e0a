// One slim line about what is going on, while somebody wants to see it.

import { type RemoteTrack, Track } from "livekit-client";

import type { Tile } from "./tiles";

interface Counts {
  at: number;
  frames: number;
  emitted: number;
  waited: number;
}

const EVERY_MS = 1000;

export class Overlay {
  private timer: number | undefined;
  private before = new WeakMap<RemoteTrack, Counts>();

  constructor(
    private readonly line: HTMLElement,
    private readonly say: () => string[],
    private readonly tiles: () => Tile[],
  ) {}

  toggle(): void {
    this.line.hidden = !this.line.hidden;
    clearInterval(this.timer);
    if (this.line.hidden) return;
    this.timer = setInterval(() => void this.update(), EVERY_MS);
    void this.update();
  }

  async update(): Promise<void> {
    if (this.line.hidden) return;
    const about = await Promise.all(this.tiles().map((tile) => this.describe(tile)));
    this.line.textContent = [...this.say(), ...about].join("  \u00b7  ");
  }

  private async describe(tile: Tile): Promise<string> {
    const parts = [tile.avatar.identity];
    let network: number | undefined;
    for (const track of tile.tracks) {
      const report = await track.getRTCStatsReport().catch(() => undefined); // it may have ended
      if (!report) continue;
      for (const stats of report.values()) {
        if (stats.type === "candidate-pair" && stats.nominated)
          network = 1000 * (stats.currentRoundTripTime ?? 0);
        if (stats.type === "inbound-rtp") parts.push(this.inbound(track, tile, stats));
      }
    }
    if (network !== undefined) parts.push(`network ${(network / 2).toFixed(0)} ms`);
    return parts.join(", ");
  }

  // What waits in the browser's buffers, of the last second, as the browser counts it.
  private inbound(track: RemoteTrack, tile: Tile, stats: Record<string, number>): string {
    const now = {
      at: stats.timestamp ?? 0,
      frames: stats.framesDecoded ?? 0,
      emitted: stats.jitterBufferEmittedCount ?? 0,
      waited: stats.jitterBufferDelay ?? 0,
    };
    const before = this.before.get(track) ?? { at: 0, frames: 0, emitted: 0, waited: 0 };
    this.before.set(track, now);
    const emitted = now.emitted - before.emitted;
    const delay = emitted ? `${((1000 * (now.waited - before.waited)) / emitted).toFixed(0)} ms` : "-";
    if (track.kind === Track.Kind.Audio) return `sound ${delay}`;
    const { videoWidth, videoHeight } = tile.video;
    const seconds = (now.at - before.at) / 1000;
    const rate = before.at ? ((now.frames - before.frames) / seconds).toFixed(0) : "-";
    return `${videoWidth}\u00d7${videoHeight} at ${rate} fps, picture ${delay}`;
  }
}
