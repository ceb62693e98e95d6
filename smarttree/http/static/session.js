// Who reads: the token is shown once, for a cookie that no script can read, and is kept nowhere here.

import { ask } from './api.js';
import { find, setText } from './dom.js';

const WORDS = {
  'token-refused': 'That is not one of this server’s tokens, or not any more.',
  'too-many-attempts': 'Too many wrong tokens from this address.',
};

export class Session {
  /** `on.known` is called with who it is, once that is known. */
  constructor(on) {
    this.on = on;
    find('login-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.begin();
    });
    find('logout').addEventListener('click', () => this.end());
  }

  /** Who one is; raises as `ask`. */
  async look() {
    const who = await ask('session');
    find('who').hidden = who.until === null;
    setText(find('who-name'), who.name ?? '');
    return who;
  }

  async begin() {
    const field = find('token');
    const button = find('login-form').querySelector('button');
    button.disabled = true;
    setText(find('login-error'), '');
    try {
      await ask('session', '', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ token: field.value }),
      });
      field.value = '';
      await this.on.known(await this.look());
    } catch (error) {
      const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : '';
      setText(find('login-error'), (WORDS[error.code] ?? (error.status ? error.message : 'The server does not answer.')) + wait);
      field.select();
    }
    button.disabled = false;
  }

  async end() {
    try {
      await ask('session', '', { method: 'DELETE' });
    } catch (error) {
      if (!error.status) return this.on.problem(error); // nobody has answered: it is not ended
    }
    find('who').hidden = true;
    this.on.ended('You are logged out.');
  }
}
