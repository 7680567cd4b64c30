package io.vela.proxy.session;

import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.CancelKey;
import io.vela.proxy.wire.ErrorFields;
import io.vela.proxy.wire.Negotiation;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.SqlState;
import io.vela.proxy.wire.TypedMessage;
import java.util.Optional;

/**
 * What a backend says from its startup message to its first ReadyForQuery (Postgres documentation,
 * section 54.2.1). All of it goes to the client as it is, but for the cancel key, which is
 * replaced, and NegotiateProtocolVersion where the client has been told already: Postgres sends it
 * before it authenticates, and Vela authenticates before it has a Postgres.
 */
final class BackendStartup {
  private static final int AUTHENTICATION_OK = 0;

  private BackendStartup() {}

  /** Who takes what a backend says before its first ReadyForQuery, and that. */
  interface Greeting {
    /** It stays the caller's. */
    void pass(TypedMessage message);

    /** The backend can be cancelled with this. */
    void key(CancelKey key);
  }

  /** What follows from a message. */
  enum Next {
    /** Wait for the next. */
    GO_ON,
    /** The backend is ready, and so the client was told. */
    READY,
    /** Postgres is starting or stopping; the client was told nothing. */
    RETRY,
    /** Postgres has as many connections as it may; the client was told nothing. */
    CROWDED,
    /** Postgres refuses the session and will close; the client was told nothing. */
    REFUSED,
    /** Postgres wants a password of its proxy; the client was told nothing. */
    NOT_TRUSTED
  }

  /**
   * Handles a message, which stays the caller's.
   *
   * @param told what the client has been told of the protocol
   * @param greeting takes what is for the client
   * @throws ProtocolViolation when it is not what Postgres sends
   */
  static Next next(
      BackendLink backend, TypedMessage message, Optional<Negotiation> told, Greeting greeting)
      throws ProtocolViolation {
    var first = !backend.spoke();
    return switch (message.type()) {
      case BackendType.AUTHENTICATION -> {
        if (message.content().readableBytes() < Integer.BYTES
            || message.content().getInt(message.content().readerIndex()) != AUTHENTICATION_OK) {
          yield Next.NOT_TRUSTED;
        }
        if (told.isPresent() && !backend.negotiated()) {
          throw ProtocolViolation.of("Postgres agrees to more than its branch's version can");
        }
        greeting.pass(message);
        yield Next.GO_ON;
      }
      case BackendType.NEGOTIATE_PROTOCOL_VERSION -> {
        if (told.isEmpty()) {
          greeting.pass(message);
        } else if (told.get().equals(Negotiation.parse(message.content().duplicate()))) {
          backend.noteNegotiated();
        } else {
          throw ProtocolViolation.of("Postgres answers to the protocol unlike its version");
        }
        yield Next.GO_ON;
      }
      case BackendType.BACKEND_KEY_DATA -> {
        greeting.key(CancelKey.parse(message.content().duplicate()));
        yield Next.GO_ON;
      }
      case BackendType.ERROR_RESPONSE -> {
        if (!first) {
          yield Next.REFUSED;
        }
        var code = ErrorFields.parse(message.content().duplicate()).code();
        if (code.equals(SqlState.TOO_MANY_CONNECTIONS.code())) {
          yield Next.CROWDED;
        }
        yield code.equals(SqlState.CANNOT_CONNECT_NOW.code()) ? Next.RETRY : Next.REFUSED;
      }
      case BackendType.READY_FOR_QUERY -> {
        if (message.content().readableBytes() != 1) {
          throw ProtocolViolation.of("ReadyForQuery of a wrong length");
        }
        greeting.pass(message);
        yield Next.READY;
      }
      default -> {
        greeting.pass(message);
        yield Next.GO_ON;
      }
    };
  }
}
