/** What one group may hold; `size` says how much an item is. */
export interface GroupBounds<Item> {
  count: number;
  total: number;
  size: (item: Item) => number;
  /** Milliseconds after a group of several in which the next one gathers. */
  pause: number;
}

interface Waiting<Item, Result> {
  item: Item;
  settle: PromiseWithResolvers<Result>;
}

/** Does work in groups, one after the other: an item that comes alone is a group at once, those that come while one is
 * under way make the next. */
export class Groups<Item, Result> {
  readonly #run: (items: Item[]) => Promise<Result[]>;
  readonly #bounds: GroupBounds<Item>;
  #waiting: Waiting<Item, Result>[] = [];
  #isRunning = false;

  /** `run` gives a result for each item, in their order; when it throws, all of the group fail. */
  constructor(run: (items: Item[]) => Promise<Result[]>, bounds: GroupBounds<Item>) {
    this.#run = run;
    this.#bounds = bounds;
  }

  /** Gives the result of an item. */
  add(item: Item): Promise<Result> {
    const settle = Promise.withResolvers<Result>();
    this.#waiting.push({ item, settle });
    void this.#runAll();
    return settle.promise;
  }

  async #runAll(): Promise<void> {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeNext();
      await this.#runNext(group);
      if (group.length > 1) {
        // Those who were answered send more: they would else come in two halves, by turns.
        await scheduler.wait(this.#bounds.pause);
      }
    }
    this.#isRunning = false;
  }

  /** The longest beginning of what waits that one group may hold; one item always may. */
  #takeNext(): Waiting<Item, Result>[] {
    const { count, total, size } = this.#bounds;
    let sum = 0;
    const tooMuch = this.#waiting.findIndex(({ item }, index) => {
      sum += size(item);
      return index > 0 && (index === count || sum > total);
    });
    return this.#waiting.splice(0, tooMuch === -1 ? this.#waiting.length : tooMuch);
  }

  async #runNext(group: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#run(group.map(({ item }) => item));
      for (const [index, { settle }] of group.entries()) {
        const result = results[index];
        if (result === undefined) {
          throw new Error(`A group of ${group.length} gave ${results.length} results`);
        }
        settle.resolve(result);
      }
    } catch (error) {
      for (const { settle } of group) {
        settle.reject(error);
      }
    }
  }
}
