package io.vela.proxy.session;

import io.vela.proxy.wire.ErrorMessage;
import io.vela.proxy.wire.TypedMessage;

/**
 * What happens on a session's connection to an instance until the relay begins. On the event loop.
 */
interface BackendEvents {
  void backendConnected(BackendLink backend);

  void backendUnreachable(BackendLink backend, Throwable cause);

  /** The message stays the caller's. */
  void backendMessage(BackendLink backend, TypedMessage message);

  /** The instance does not speak the protocol. */
  void backendMalformed(BackendLink backend, ErrorMessage error);

  /** No more messages for now. */
  void backendReadComplete(BackendLink backend);

  void backendClosed(BackendLink backend);

  /** A fault in handling the connection. */
  void failed(Throwable cause);
}
