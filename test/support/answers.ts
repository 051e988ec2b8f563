// Answers of the JSON API, read with the checks that hold for all of them.

/** The form of every refusal (docs/conformance.md, Shaken Fist); `detail` and `help` are ours. */
interface RefusalBody {
  error: string;
  status: number;
  request_id: string;
  detail?: string;
  help?: string;
}

/** The value of an answer, which must be a 200 in JSON. */
export async function valueOf<T = unknown>(reply: Promise<Response> | Response): Promise<T> {
  const response = await reply;
  const body = await readJson(response);
  if (response.status !== 200) {
    throw new Error(`Expected 200: ${response.status} ${JSON.stringify(body)}`);
  }
  return body as T;
}

/** Status and text of a refusal, which must have the form of one and name the request. */
export async function refusalOf(reply: Promise<Response> | Response): Promise<[number, string]> {
  const response = await reply;
  const { error, status, request_id: id, ...extra } = await readRefusal(response);
  const unknown = Object.keys(extra).filter((key) => key !== "detail" && key !== "help");
  if (status !== response.status || id !== response.headers.get("X-Request-Id")) {
    throw new Error(`Refusal does not name its status and request: ${response.status} ${status}`);
  }
  if (unknown.length > 0) {
    throw new Error(`Refusal has unknown members: ${unknown.join(", ")}`);
  }
  return [status, error];
}

async function readRefusal(response: Response): Promise<RefusalBody> {
  const body = await readJson(response);
  if (body === null || typeof body !== "object" || !("error" in body)) {
    throw new Error(`Expected a refusal: ${response.status} ${JSON.stringify(body)}`);
  }
  return body as RefusalBody;
}

async function readJson(response: Response): Promise<unknown> {
  const [type, text] = [response.headers.get("Content-Type"), await response.text()];
  if (type !== "application/json") {
    throw new Error(`Expected JSON: ${response.status} ${type} ${text.slice(0, 200)}`);
  }
  return JSON.parse(text);
}
