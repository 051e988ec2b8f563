// A client that uploads tars and has them taken apart, however often the server falls while it does that.

import { setTimeout as delay } from "node:timers/promises";

import type { ArtifactBody } from "../support/service.ts";
import { END, join, member } from "../unit/archive/make-tar.ts";
import { Lost } from "./world.ts";
import type { World } from "./world.ts";

const MiB = 1024 * 1024;
const PATHS = ["a", "doc/one", "doc/two", "img", "z/last"];

export class ExplodeClient {
  readonly #world: World;
  #made = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async run(): Promise<void> {
    while (!this.#world.isStopping) {
      this.#made += 1;
      await this.#makeOne(`exploded-${this.#made}`);
    }
  }

  async #makeOne(name: string): Promise<void> {
    const { random, bundles } = this.#world;
    const most = random.pick([1_000, MiB, 6 * MiB]);
    const files = new Map(
      PATHS.filter(() => random.chance(0.8)).map((path) => [path, this.#world.content(most)]),
    );
    const members = [...files].map(([path, data]) => member({ name: path }, data));
    const uuid = await this.#upload(join(...members, END));
    if (uuid !== null && files.size > 0) {
      const begun = await this.#again(() => this.#explode(uuid, name));
      bundles.set(await this.#settled(begun.uuid), files);
    } else if (uuid !== null) {
      this.#world.abandoned.add(uuid);
    }
  }

  /** Uploads all at once; what is cut off is left to the sweep. */
  async #upload(bytes: Uint8Array): Promise<string | null> {
    let opened: string | null = null;
    try {
      const uuid = await this.#world.ask(
        "open",
        (service, bearer) => service.send("POST", "/upload", undefined, bearer),
        async (response) => ((await response.json()) as { uuid: string }).uuid,
      );
      opened = uuid;
      await this.#world.ask(
        "append",
        (service, bearer) => service.append(uuid, bytes as Uint8Array<ArrayBuffer>, bearer),
        (response) => response.json(),
      );
      return uuid;
    } catch (error) {
      await this.#afterLoss(error);
      if (opened !== null) {
        this.#world.abandoned.add(opened);
      }
      return null;
    }
  }

  #explode(uuid: string, name: string): Promise<ArtifactBody> {
    return this.#world.ask(
      "explode",
      (service, bearer) => {
        const body = { upload_uuid: uuid, explode: true };
        return service.send("POST", `/artifacts/upload/${name}`, body, bearer);
      },
      async (response) => {
        const body = (await response.json()) as ArtifactBody;
        if (response.status === 409) {
          throw new Lost(JSON.stringify(body)); // it is being sealed: ask again
        }
        this.#expect(response.status === 200, `explode ${uuid}: ${JSON.stringify(body)}`);
        return body;
      },
    );
  }

  /** The id of the artifact once it is made. */
  async #settled(uuid: string): Promise<number> {
    for (;;) {
      const { id, state } = await this.#again(() => this.#look(uuid));
      this.#expect(state !== "error", `artifact ${uuid} was not made`);
      if (state === "created") {
        return id;
      }
      await delay(100);
    }
  }

  #look(uuid: string): Promise<ArtifactBody & { state: string }> {
    return this.#world.ask(
      "look",
      (service, bearer) => service.fetch(`/artifacts/${uuid}`, { bearer }),
      async (response) => {
        const body = (await response.json()) as ArtifactBody & { state: string };
        this.#expect(response.status === 200, `artifact ${uuid}: ${JSON.stringify(body)}`);
        return body;
      },
    );
  }

  async #again<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        await this.#afterLoss(error);
      }
    }
  }

  async #afterLoss(error: unknown): Promise<void> {
    if (!(error instanceof Lost)) {
      throw error;
    }
    await this.#world.waitForServer();
  }

  #expect(isRight: boolean, problem: string): void {
    if (!isRight) {
      this.#world.problems.push(problem);
      throw new Error(problem);
    }
  }
}
