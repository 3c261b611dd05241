/** What one side puts in and the other awaits. Runs in Node and in a page. */
export class Queue {
  #items = [];
  #takers = [];
  #what;

  constructor(what) {
    this.#what = what;
  }

  get waiting() {
    return [...this.#items];
  }

  put(item) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else this.#items.push(item);
  }

  /** The next item; rejected when none comes in time, so that a test says what it waited for. */
  next(seconds = 10) {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    return new Promise((resolve, reject) => {
      const taker = {
        resolve: (item) => {
          clearTimeout(timer);
          resolve(item);
        },
      };
      const timer = setTimeout(() => {
        this.#takers.splice(this.#takers.indexOf(taker), 1);
        reject(new Error(`waited ${seconds} s in vain for ${this.#what}`));
      }, seconds * 1000);
      timer.unref?.();
      this.#takers.push(taker);
    });
  }

  /** The next item that passes; what comes before it is dropped. */
  async find(passes) {
    for (;;) {
      const item = await this.next();
      if (passes(item)) return item;
    }
  }
}
