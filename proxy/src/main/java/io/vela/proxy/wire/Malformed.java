package io.vela.proxy.wire;

/**
 * The peer broke the protocol. Nothing follows it: the decoder that sent it drops all that comes
 * after.
 *
 * @param error what to tell a client before closing
 */
public record Malformed(ErrorMessage error) implements StartupPacket, HandshakeMessage {}
