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

/** Nothing that gives out sessions is there. */
export class Unanswered extends Error {}

const PATIENCE_MS = 5000;

/** Ask for a session, and tell what of the link cannot be used. Throws where there is none. */
export async function newSession(unused: [string, string][]): Promise<Session> {
  const ended = new AbortController();
  const late = setTimeout(() => ended.abort(), PATIENCE_MS);
  const asked: RequestInit = { method: "POST", cache: "no-store", signal: ended.signal };
  if (unused.length) asked.body = JSON.stringify({ unused: unused.map(shortened).slice(0, MOST) });
  const answer = await fetch("session", asked)
    .catch((error: unknown) => {
      throw new Unanswered(String(error));
    })
    .finally(() => clearTimeout(late));
  if (answer.status === 403) throw new Refused("the link is not that of this stage");
  if (!answer.ok) throw new Unanswered(`the stage's server answers ${answer.status}`);
  return (await answer.json()) as Session;
}

// The server takes no more than that.
const MOST = 8;
const LENGTH = 60;

function shortened(pair: [string, string]): string[] {
  return pair.map((each) => each.slice(0, LENGTH));
}
