// What our own server gives a page that wants to join: an address, a fresh token, and the look.

import type { Look } from "./look";

export interface Session {
  url: string;
  token: string;
  avatars: string[];
  look: Look;
}

/** The link is not, or no longer, that of this stage. */
export class Refused extends Error {}

const PATIENCE_MS = 5000;

/** Ask for a session. Throws where the server is gone or refuses. */
export async function newSession(): Promise<Session> {
  const ended = new AbortController();
  const late = setTimeout(() => ended.abort(), PATIENCE_MS);
  const asked = { method: "POST", cache: "no-store", signal: ended.signal } as const;
  const answer = await fetch("session", asked).finally(() => clearTimeout(late));
  if (answer.status === 403) throw new Refused("the link is not that of this stage");
  if (!answer.ok) throw new Error(`the stage's server answers ${answer.status}`);
  return (await answer.json()) as Session;
}
