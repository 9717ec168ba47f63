/** The client of Waystate: `const { GET } = connect({ url, key })`, each path with its own types. */

import createClient, { type Client, type Middleware } from "openapi-fetch";

import type { paths, Problem } from "./schema.js";

export type * from "./schema.js";

export type Waystate = Client<paths>;

export interface Options {
  /** Such as `http://127.0.0.1:3005`; in a page that Waystate itself serves, `location.origin`. */
  url: string;
  /** An API key or a session's token. Left out, the browser's cookie says who calls. */
  key?: string;
  fetch?: (request: Request) => Promise<Response>;
}

/** Waystate said no: `code` is for programs, `detail` (the message) for people, `errors` name each wrong field. */
export class Refused extends Error {
  readonly code: string;
  readonly errors: { field: string; problem: string }[];
  /** Seconds to wait before the same call again, where it is worth it. */
  readonly retryAfter: number | undefined;

  constructor(
    readonly response: Response,
    readonly problem: Partial<Problem>,
  ) {
    super(problem.detail ?? `${response.url} answered ${response.status}, not as Waystate does. Try later.`);
    this.name = "Refused";
    this.code = problem.code ?? `http_${response.status}`;
    this.errors = problem.errors ?? [];
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    this.retryAfter = Number.isNaN(seconds) ? undefined : seconds;
  }
}

export function connect({ url, key, fetch }: Options): Waystate {
  const client = createClient<paths>({
    baseUrl: url.replace(/\/+$/, ""),
    ...(key === undefined ? {} : { headers: { Authorization: `Bearer ${key}` } }),
    ...(fetch === undefined ? {} : { fetch }),
  });
  client.use(once);
  return client;
}

/** A POST that is sent twice is done once. */
const once: Middleware = {
  onRequest({ request }) {
    if (request.method === "POST" && !request.headers.has("idempotency-key")) {
      request.headers.set("idempotency-key", newKey());
    }
    return request;
  },
};

/** Where pages without TLS and old runtimes have no `randomUUID`, dice will do: a key must be new, not secret. */
function newKey(): string {
  return globalThis.crypto?.randomUUID?.() ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join("");
}

/**
 * What a call found; throws `Refused`. It asks `response.ok`: `error` is empty where a proxy answers without a body, and a refusal
 * would pass for an answer.
 */
export async function found<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) {
    throw new Refused(response, typeof error === "object" && error !== null ? (error as Partial<Problem>) : {});
  }
  return data as T;
}

/** All items of a list, page by page: `every((after) => GET("/v1/customers", { params: { query: { q, after } } }))`. */
export async function* every<Item, Cursor extends string>(
  page: (cursor: Cursor | undefined) => Promise<{
    data?: { items: Item[]; next: Cursor | null };
    error?: unknown;
    response: Response;
  }>,
): AsyncGenerator<Item, void, void> {
  let cursor: Cursor | undefined;
  do {
    const { items, next } = await found(page(cursor));
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}
