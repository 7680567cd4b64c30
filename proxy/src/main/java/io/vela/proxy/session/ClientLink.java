package io.vela.proxy.session;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.vela.proxy.auth.AuthStep;
import io.vela.proxy.tls.TlsHandshake;
import io.vela.proxy.wire.BackendMessages;
import io.vela.proxy.wire.FrontendType;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.StartupPacketDecoder;
import io.vela.proxy.wire.TypedMessage;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The client's channel until the relay takes it over: what is read from it and how, what is
 * written. What the client sends before it is its turn is held, and reading stops when that is too
 * much. On the channel's event loop only.
 */
final class ClientLink {
  /** Postgres reads password messages up to 64 kB; none that is right comes near this. */
  static final int MAX_PASSWORD_BYTES = 4096;

  private final Channel channel;
  private final long maxHeldBytes;
  private final Plaintext plaintext = new Plaintext();
  private ByteBuf held = Unpooled.EMPTY_BUFFER;
  private boolean readingPasswords;

  /**
   * @param maxHeldBytes from where on no more is read; one read more may be held
   */
  ClientLink(Channel channel, long maxHeldBytes) {
    this.channel = channel;
    this.maxHeldBytes = maxHeldBytes;
  }

  Channel channel() {
    return channel;
  }

  /**
   * Begins to read, startup packets first. A client may end its own side early and still be
   * answered.
   *
   * @param beforeStartup what may come before them
   * @param handler translates what is read
   */
  void open(List<ChannelHandler> beforeStartup, ClientHandler handler) {
    channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    channel
        .pipeline()
        .addLast(beforeStartup.toArray(ChannelHandler[]::new))
        .addLast(plaintext, new StartupPacketDecoder(), handler);
  }

  /** Where in the pipeline bytes are what the client means, whether TLS lies before or not. */
  private static final class Plaintext extends ChannelInboundHandlerAdapter {}

  private ChannelHandlerContext plaintext() {
    return channel.pipeline().context(plaintext);
  }

  /** Whether more came along with the packet that is being handled. */
  boolean hasSentMore() {
    return channel.pipeline().get(StartupPacketDecoder.class).hasUndecodedBytes();
  }

  /** Answers an SSLRequest; what comes next is the handshake. */
  void grantTls(TlsHandshake handshake) {
    var _ = channel.writeAndFlush(channel.alloc().buffer(1).writeByte('S'), channel.voidPromise());
    channel.pipeline().addFirst(handshake);
  }

  /** From now on holds what comes. */
  void startupComplete() {
    channel.pipeline().remove(StartupPacketDecoder.class);
  }

  /** From now on password messages are read, those that came early first. */
  void readPasswords() {
    readingPasswords = true;
    channel.pipeline().addAfter(plaintext().name(), null, new MessageDecoder(MAX_PASSWORD_BYTES));
    var early = takeHeld();
    channel.config().setAutoRead(true);
    if (early.isReadable()) {
      plaintext().fireChannelRead(early);
    } else {
      early.release();
    }
  }

  /** From now on holds what comes. */
  void passwordsComplete() {
    if (readingPasswords) {
      readingPasswords = false;
      channel.pipeline().remove(MessageDecoder.class);
    }
  }

  /** The relay has become the last handler: hands over to it, with what was held. */
  void relayBegan() {
    channel.pipeline().remove(ClientHandler.class);
    handOver(plaintext());
    channel.pipeline().remove(plaintext);
  }

  private void handOver(ChannelHandlerContext before) {
    var ahead = takeHeld();
    var inputEnded = hasEndedInput();
    if (!ahead.isReadable()) {
      ahead.release();
    } else if (inputEnded) {
      // No read is complete here: the end of the pipeline would begin another, which now fails.
      before.fireChannelRead(ahead);
    } else {
      before.fireChannelRead(ahead).fireChannelReadComplete();
    }
    if (inputEnded) {
      // The relay was not there to be told.
      before.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    }
  }

  /** The relay is gone: from now on this hears what the client does. */
  void park(ParkedHandler handler) {
    channel.pipeline().addLast(handler);
  }

  /** The relay has become the last handler again: hands over to it, with what was held. */
  void relayResumed() {
    var from = channel.pipeline().context(ParkedHandler.class);
    handOver(from);
    channel.pipeline().remove(ParkedHandler.class);
  }

  /** Whether the client has said all it will say. */
  boolean hasEndedInput() {
    return channel instanceof DuplexChannel duplex && duplex.isInputShutdown();
  }

  /** What is held; it stays here. */
  ByteBuf held() {
    return held;
  }

  /** Forgets what of it has been read. */
  void dropAnswered() {
    if (!held.isReadable()) {
      takeHeld().release();
    } else if (held instanceof CompositeByteBuf composite) {
      composite.discardReadComponents();
    }
  }

  /**
   * Reads over the request that is held first, up to the message that makes a server answer.
   *
   * @return whether it is there whole; else nothing is read
   */
  boolean skipRequest() {
    int at = held.readerIndex();
    while (held.writerIndex() - at > Integer.BYTES) {
      byte type = held.getByte(at);
      long next = at + 1L + held.getInt(at + 1);
      if (next > held.writerIndex() || next <= at) {
        return false;
      }
      at = (int) next;
      if (type == FrontendType.QUERY
          || type == FrontendType.SYNC
          || type == FrontendType.FUNCTION_CALL) {
        held.readerIndex(at);
        dropAnswered();
        return true;
      }
    }
    return false;
  }

  /** Whether what is held begins with Terminate. */
  boolean isLeaving() {
    return held.isReadable() && held.getByte(held.readerIndex()) == FrontendType.TERMINATE;
  }

  /** Keeps bytes for whoever comes next; takes over their reference. */
  void hold(ByteBuf bytes) {
    if (held instanceof CompositeByteBuf composite) {
      composite.addFlattenedComponents(true, bytes);
    } else {
      held = channel.alloc().compositeBuffer().addFlattenedComponents(true, bytes);
    }
    if (held.readableBytes() > maxHeldBytes) {
      channel.config().setAutoRead(false);
    }
  }

  /** Whether the client has sent anything before it was its turn. */
  boolean isHolding() {
    return held.isReadable();
  }

  private ByteBuf takeHeld() {
    var all = held;
    held = Unpooled.EMPTY_BUFFER;
    return all;
  }

  /** A new, empty set of messages for {@link #send}. */
  BackendMessages messages() {
    return new BackendMessages(channel.alloc());
  }

  private void send(BackendMessages messages) {
    var _ = channel.writeAndFlush(messages.buffer(), channel.voidPromise());
  }

  /** Sends what a step of an authentication has to say. */
  void ask(AuthStep step) {
    switch (step) {
      case AuthStep.AskSasl ask -> send(messages().authenticationSasl(ask.mechanisms()));
      case AuthStep.ContinueSasl next -> send(messages().authenticationSaslContinue(next.data()));
      case AuthStep.AskMd5 ask -> send(messages().authenticationMd5Password(bytes(ask.salt())));
      case AuthStep.Matched matched ->
          matched.saslFinal().ifPresent(data -> send(messages().authenticationSaslFinal(data)));
      case AuthStep.Mismatch _, AuthStep.Refuse _ -> {}
    }
  }

  private static byte[] bytes(int value) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(value).array();
  }

  /** Answers a request for encryption. */
  void refuseEncryption() {
    var _ = channel.writeAndFlush(channel.alloc().buffer(1).writeByte('N'), channel.voidPromise());
  }

  /** Tells the client why and closes. */
  void sendAndClose(BackendMessages error) {
    var _ = channel.writeAndFlush(error.buffer()).addListener(ChannelFutureListener.CLOSE);
  }

  /** Sends a backend's message on, unflushed; it stays the caller's. */
  void pass(TypedMessage message) {
    var content = message.content();
    var frame = channel.alloc().buffer(1 + Integer.BYTES + content.readableBytes());
    frame.writeByte(message.type()).writeInt(Integer.BYTES + content.readableBytes());
    frame.writeBytes(content, content.readerIndex(), content.readableBytes());
    var _ = channel.write(frame, channel.voidPromise());
  }

  /** Sends on a message that another wrote, whole, at once. */
  void writeWhole(RawMessage message) {
    var _ = channel.writeAndFlush(message.toBuffer(), channel.voidPromise());
  }

  /** Sends messages, unflushed. */
  void write(BackendMessages messages) {
    var _ = channel.write(messages.buffer(), channel.voidPromise());
  }

  void flush() {
    channel.flush();
  }

  /** Closes once everything written is sent. */
  void closeWhenSent() {
    var _ = channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
  }

  void close() {
    var _ = channel.close();
  }

  /** Releases what is held. */
  void discardHeld() {
    takeHeld().release();
  }
}
