// One stay in the room: the tracks of its avatars, and of nobody else.

import {
  ParticipantKind,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  Track,
} from "livekit-client";

import type { Session } from "./session";

export interface Shown {
  add(avatar: RemoteParticipant, track: RemoteTrack): void;
  remove(avatar: RemoteParticipant, track: RemoteTrack): void;
  clear(): void;
}

// A lost connection is mended by the SDK for some seconds; then we join anew, with a fresh token.
const MENDING_MS = [0, 300, 1000];

const JOIN_MS = 15_000;

/** Whether an identity is one of these, or begins like one that ends in `*`. */
export function matches(patterns: string[], identity: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? identity.startsWith(pattern.slice(0, -1)) : identity === pattern,
  );
}

/**
 * Join, and show the avatars until the connection is lost for good; then this resolves.
 * Throws where joining fails. `on` is told what happens: "connected", "reconnecting".
 */
export async function watch(
  session: Session,
  avatars: string[],
  shown: Shown,
  on: (state: string) => void,
): Promise<void> {
  const room = new Room({
    reconnectPolicy: {
      nextRetryDelayInMs: ({ retryCount }) => MENDING_MS[retryCount] ?? null,
    },
  });
  const wanted = (avatar: RemoteParticipant): boolean =>
    avatar.kind === ParticipantKind.AGENT && matches(avatars, avatar.identity);
  const take = (publication: RemoteTrackPublication, avatar: RemoteParticipant): void => {
    const kinds: Track.Kind[] = [Track.Kind.Video, Track.Kind.Audio];
    if (wanted(avatar) && kinds.includes(publication.kind)) publication.setSubscribed(true);
  };
  const left = new Promise<void>((resolve) => {
    room.once(RoomEvent.Disconnected, () => resolve());
  });
  room
    .on(RoomEvent.TrackPublished, take)
    .on(RoomEvent.TrackSubscribed, (track, _, avatar) => shown.add(avatar, track))
    .on(RoomEvent.TrackUnsubscribed, (track, _, avatar) => shown.remove(avatar, track))
    .on(RoomEvent.SignalReconnecting, () => on("reconnecting"))
    .on(RoomEvent.Reconnecting, () => on("reconnecting"))
    .on(RoomEvent.Reconnected, () => on("connected"));
  try {
    const options = { autoSubscribe: false, maxRetries: 0 };
    await within(JOIN_MS, room.connect(session.url, session.token, options));
    on("connected");
    for (const avatar of room.remoteParticipants.values())
      for (const publication of avatar.trackPublications.values())
        take(publication as RemoteTrackPublication, avatar);
    await left;
  } finally {
    room.removeAllListeners();
    shown.clear();
    room.disconnect().catch(() => {
      // It may be gone already.
    });
  }
}

function within<T>(ms: number, step: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("joining takes too long")), ms);
    step.then(resolve, reject).finally(() => clearTimeout(late));
  });
}
