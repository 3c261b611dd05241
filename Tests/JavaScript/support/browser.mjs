// Chromium without a window, told what to do over WebDriver (W3C) by plain HTTP.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export class Browser {
  #driver;
  #port;
  #session;
  #profile;

  static async start() {
    const browser = new Browser();
    browser.#profile = mkdtempSync(join(tmpdir(), 'switchboard-chromium-'));
    browser.#driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    browser.#driver.on('error', () => {});  // said below: there are no lines
    for await (const line of createInterface(browser.#driver.stdout)) {
      browser.#port = /successfully on port (\d+)/.exec(line)?.[1];
      if (browser.#port) break;
    }
    if (!browser.#port) throw new Error('chromedriver did not start; deploy/setup --test installs chromium-driver');
    browser.#driver.stdout.resume();
    try {
      await browser.#open();
    } catch (error) {
      await browser.stop();
      throw error;
    }
    return browser;
  }

  async #open() {
    const args = [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
      '--no-first-run', '--no-proxy-server', `--user-data-dir=${this.#profile}`,
    ];
    const { sessionId } = await this.#command('POST', '/session', {
      capabilities: { alwaysMatch: { 'goog:chromeOptions': { args }, timeouts: { script: 30_000, pageLoad: 30_000 } } },
    });
    this.#session = `/session/${sessionId}`;
  }

  /** Loads a page. */
  async load(url) {
    await this.#command('POST', `${this.#session}/url`, { url });
  }

  async reload() {
    await this.#command('POST', `${this.#session}/refresh`, {});
  }

  /** Runs a function in the page, and gives what its promise is fulfilled with; it sees nothing of this process. */
  async run(body, ...args) {
    const script = `const done = arguments[arguments.length - 1];
      (${body})(...Array.from(arguments).slice(0, -1)).then((value) => done({ value }), (error) => done({ error: error.stack }));`;
    const { value, error } = await this.#command('POST', `${this.#session}/execute/async`, { script, args });
    if (error) throw new Error(`in the page: ${error}`);
    return value;
  }

  async stop() {
    if (this.#session) await this.#command('DELETE', this.#session).catch(() => {});
    this.#driver.kill();
    if (this.#driver.exitCode === null && this.#driver.signalCode === null) await once(this.#driver, 'exit');
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  #command(method, path, body) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
      const call = request({ host: '127.0.0.1', port: this.#port, method, path, headers, agent: false }, async (answer) => {
        try {
          const { value } = JSON.parse(Buffer.concat(await answer.toArray()).toString());
          if (answer.statusCode === 200) resolve(value);
          else reject(new Error(`${path}: ${value.error}: ${value.message}`));
        } catch (error) {
          reject(error);
        }
      });
      call.on('error', reject);
      call.end(text);
    });
  }
}
