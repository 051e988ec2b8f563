// Uploads a file with tus-js-client as the JSON in the first argument says; prints what became of it as JSON.

import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";

interface Asked {
  library: string;
  file: string;
  /** Stops behind so many bytes. */
  stop?: number;
  terminate?: boolean;
  /** A file that remembers addresses. */
  storage?: string;
  protocol?: string;
  uploadLengthDeferred?: boolean;
}

/** What of the library is used. */
interface Upload {
  url: string | null;
  start(): void;
  abort(terminate: boolean): Promise<void>;
  findPreviousUploads(): Promise<object[]>;
  resumeFromPreviousUpload(previous: object): void;
}

interface Library {
  Upload: new (source: unknown, options: object) => Upload;
  FileUrlStorage: new (path: string) => object;
}

const asked = JSON.parse(process.argv[2] ?? "") as Asked;
const { library, file, stop, terminate = false, storage, ...options } = asked;
const path = pathToFileURL(`${library}/lib.es5/node/index.js`).href;
const loaded = (await import(path)) as Library & { default?: Library };
const tus = loaded.default ?? loaded;

/** A file of unknown length is a stream; by the IETF's protocol a buffer, as of a file in chunks this client never says in Node
 * that a chunk is the last. */
function sourceOf({ protocol = "", uploadLengthDeferred = false }: Partial<Asked>) {
  if (uploadLengthDeferred) {
    return createReadStream(file).pipe(new PassThrough());
  }
  return protocol.startsWith("ietf") ? readFileSync(file) : createReadStream(file);
}

/** Uploads, and gives what is known in the end. */
async function run(): Promise<object> {
  const { promise, resolve, reject } = Promise.withResolvers<object>();
  const remembers = storage !== undefined && {
    urlStorage: new tus.FileUrlStorage(storage),
    fingerprint: () => Promise.resolve(file),
  };
  const upload = new tus.Upload(sourceOf(options), {
    retryDelays: [0, 500, 1_000, 3_000],
    ...remembers,
    ...options,
    onError: reject,
    onSuccess: (payload: { lastResponse?: { getHeader(name: string): string | undefined } }) => {
      const artifact = payload.lastResponse?.getHeader("Stowage-Artifact") ?? null;
      resolve({ url: upload.url, artifact });
    },
    onChunkComplete: (_size: number, accepted: number) => {
      if (stop !== undefined && accepted >= stop) {
        const stopped = upload.abort(terminate).then(() => ({ url: upload.url, accepted }));
        resolve(stopped);
      }
    },
  });
  const [previous] = storage === undefined ? [] : await upload.findPreviousUploads();
  if (previous !== undefined) {
    upload.resumeFromPreviousUpload(previous);
  }
  upload.start();
  return promise;
}

console.log(JSON.stringify(await run()));
process.exit(0);
