/** A shorter value of a query may be a word, which would be hidden wherever it stands. */
const shortestToken = 16;

/** What lets one in to a private server, or is signed: no log shall have it, whoever prints the address. */
export function tokensIn(url: string): string[] {
  const user = userInfo(url);
  const [, query = ''] = /\?([^#]*)/.exec(url) ?? [];
  const password = user.slice(user.indexOf(':') + 1);
  const values = query.split('&').map((part) => part.slice(part.indexOf('=') + 1));
  return [password, ...values.filter((value) => value.length >= shortestToken)];
}

/** The same where a user alone is no token, and what the query says (a revision, a path) no secret: stores and flakes. */
export function passwordIn(address: string): string {
  const [, password = ''] = /:(.*)/s.exec(userInfo(address)) ?? [];
  return password;
}

function userInfo(address: string): string {
  const [, user = ''] = /^[\w+.-]+:\/\/([^/?#]*)@/.exec(address) ?? [];
  return user;
}
