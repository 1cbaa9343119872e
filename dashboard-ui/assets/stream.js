// Runs in a worker that all tabs of a browser share: one stream for each address, however many tabs show it. Over HTTP/1.1
// browsers open six connections to one host, so that the seventh window with a stream of its own would wait for ever.
(() => {
  "use strict";
  // So many addresses have a stream that lasts. The others take turns: a stream is closed after its first fragment, and opened
  // again a little later. Connections remain for pages.
  const LASTING_MOST = 3;
  const TURN_MS = 2_000;
  // The server sends a ping every 5 s, and each tab answers what it is sent.
  const SILENCE_MS = 12_000;
  const GONE_MS = 30_000;

  const feeds = new Map();

  self.onconnect = ({ ports: [port] }) => {
    const tab = { port, feed: undefined, heardAt: Date.now() };
    port.onmessage = ({ data: { address, isHere } }) => {
      tab.heardAt = Date.now();
      if (isHere) return;
      leave(tab);
      if (address) follow(tab, address);
    };
  };

  function follow(tab, address) {
    const feed = feeds.get(address) ?? { address, tabs: new Set(), isLasting: false, last: undefined, heardAt: 0 };
    tab.feed = feed;
    feed.tabs.add(tab);
    if (!feeds.has(address)) {
      feeds.set(address, feed);
      open(feed);
    } else if (feed.last !== undefined && Date.now() - feed.heardAt < SILENCE_MS) {
      // Where nothing changes, no other fragment would come.
      tell(tab, "fragment", feed.last);
    }
  }

  function leave(tab) {
    const { feed } = tab;
    tab.feed = undefined;
    feed?.tabs.delete(tab);
    if (feed?.tabs.size === 0) end(feed);
  }

  function open(feed) {
    feed.source = new EventSource(feed.address);
    for (const type of ["open", "ping", "release", "fragment"]) {
      feed.source.addEventListener(type, ({ data }) => hear(feed, type, data));
    }
    // The tabs decide when to try again.
    feed.source.addEventListener("error", () => {
      end(feed);
      for (const tab of feed.tabs) {
        tell(tab, "error");
        tab.feed = undefined;
      }
    });
  }

  function hear(feed, type, text) {
    feed.heardAt = Date.now();
    for (const tab of feed.tabs) {
      // A tab that crashed did not say goodbye.
      if (feed.heardAt - tab.heardAt > GONE_MS) leave(tab);
      else tell(tab, type, text);
    }
    if (type !== "fragment" || feed.tabs.size === 0) return;
    feed.last = text;
    feed.isLasting ||= [...feeds.values()].filter(({ isLasting }) => isLasting).length < LASTING_MOST;
    if (feed.isLasting) return;
    feed.source.close();
    feed.turn = setTimeout(open, TURN_MS, feed);
  }

  function end(feed) {
    feeds.delete(feed.address);
    feed.source.close();
    clearTimeout(feed.turn);
  }

  function tell({ port, feed }, type, text) {
    port.postMessage([feed?.address, type, text]);
  }
})();
