package io.vela.proxy.wire;

/** What {@link MessageDecoder} hands on. */
public sealed interface HandshakeMessage permits TypedMessage, Malformed {}
