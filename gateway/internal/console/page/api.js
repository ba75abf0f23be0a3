// The gateway's API as this page needs it. The key lives in this closure and
// nowhere else: not in storage, not in a cookie, not in an address.

/** A problem document of the gateway, or status 0 where it could not be reached. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.title || "");
    this.status = status;
    this.body = body;
  }
}

export function open(key) {
  const call = async (method, path, body) => {
    let answer;
    try {
      answer = await fetch(path, {
        method,
        headers: { Authorization: "Bearer " + key, ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(30_000),
      });
    } catch {
      throw new Problem(0, {});
    }
    const read = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Problem(answer.status, read);
    return { ...read, at: Date.parse(answer.headers.get("Date")) }; // by the gateway's clock: this machine's may be wrong
  };
  return {
    undecided: () => call("GET", "/v1/undecided"),
    look: (attempt) => call("GET", "/v1/undecided/" + encodeURIComponent(attempt)),
    decide: (attempt, said) => call("POST", "/v1/undecided/" + encodeURIComponent(attempt) + "/decide", said),
  };
}
