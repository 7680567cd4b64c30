package io.vela.proxy.session;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.TypedMessage;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a backend says at its start: told to a new client as it is, but for the cancel key; not told
 * to one that has been told of an earlier backend, and compared later.
 */
final class NewGreeting implements BackendStartup.Greeting {
  private final BackendLink backend;
  private final ClientLink client;
  private final CancelRegistry keys;
  private final boolean silent;
  private boolean authenticated;
  private final Map<String, String> parameters = new LinkedHashMap<>();

  /**
   * @param silent whether the client has been greeted before
   */
  NewGreeting(BackendLink backend, ClientLink client, CancelRegistry keys, boolean silent) {
    this.backend = backend;
    this.client = client;
    this.keys = keys;
    this.silent = silent;
  }

  /** What the backend has reported of its parameters; bytes as ISO 8859-1. */
  Map<String, String> parameters() {
    return parameters;
  }

  @Override
  public void pass(TypedMessage message) {
    if (message.type() == BackendType.PARAMETER_STATUS) {
      note(message);
    }
    if (silent) {
      return;
    }
    if (message.type() == BackendType.AUTHENTICATION) {
      authenticated = true;
      return;
    }
    tellAuthenticated();
    backend.noteSpoke();
    client.pass(message);
  }

  /**
   * Postgres counts a role's and a database's connections after this word, so it is held back until
   * the next: until then the client has been told nothing.
   */
  void tellAuthenticated() {
    if (authenticated) {
      authenticated = false;
      client.write(client.messages().authenticationOk());
    }
  }

  private void note(TypedMessage message) {
    var content = message.content();
    int name = content.bytesBefore((byte) 0);
    int from = content.readerIndex();
    if (name > 0 && content.readableBytes() > name + 1) {
      parameters.put(
          content.toString(from, name, ISO_8859_1).intern(),
          content.toString(from + name + 1, content.readableBytes() - name - 2, ISO_8859_1));
    }
  }

  @Override
  public void key(CancelKey key) {
    if (silent) {
      backend.noteKey(key);
    } else {
      client.write(client.messages().backendKeyData(backend.register(key, keys)));
    }
  }
}
