package io.vela.proxy.park;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import io.vela.proxy.wire.BackendType;
import io.vela.proxy.wire.DataRow;
import io.vela.proxy.wire.Malformed;
import io.vela.proxy.wire.MessageDecoder;
import io.vela.proxy.wire.ProtocolViolation;
import io.vela.proxy.wire.RawMessage;
import io.vela.proxy.wire.RowShape;
import io.vela.proxy.wire.TypedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * Talks to an idle backend between two relays. Takes the end of the channel's pipeline when it
 * opens and leaves nothing there when it closes: then the channel stands between two messages, is
 * not being read, and no byte that was read is left. What is not an answer: notifications go to a
 * consumer, notices are dropped, parameters are noted. On the channel's event loop only.
 */
final class BackendConversation {
  /** Bound on one message: a statement's text, which comes back whole. */
  private static final int MAX_MESSAGE_BYTES = 1 << 28;

  private final Channel backend;
  private final Consumer<RawMessage> notifications;
  private final MessageDecoder decoder = new MessageDecoder(MAX_MESSAGE_BYTES);
  private final Listener listener = new Listener();
  private final ScheduledFuture<?> deadline;
  private final Map<String, String> parameters = new LinkedHashMap<>();

  private Optional<BackendLost> lost = Optional.empty();
  private Optional<RawMessage> farewell = Optional.empty();
  private Optional<CompletableFuture<List<Reply>>> awaited = Optional.empty();
  private Optional<CompletableFuture<Void>> closing = Optional.empty();
  private List<Reply> replies = new ArrayList<>();
  private Reply reply = new Reply();
  private int expected;

  private BackendConversation(
      Channel backend, Consumer<RawMessage> notifications, Duration patience) {
    this.backend = backend;
    this.notifications = notifications;
    deadline =
        backend
            .eventLoop()
            .schedule(
                () -> fail("no answer within " + patience.toMillis() + " ms"),
                patience.toNanos(),
                NANOSECONDS);
  }

  /**
   * Begins to listen.
   *
   * @param backend between two messages, idle, and read by nobody
   * @param notifications gets each NotificationResponse whole
   * @param patience for the whole conversation
   * @throws IllegalStateException when not called on the channel's event loop
   */
  static BackendConversation open(
      Channel backend, Consumer<RawMessage> notifications, Duration patience) {
    if (!backend.eventLoop().inEventLoop()) {
      throw new IllegalStateException("a conversation is held on its channel's event loop");
    }
    var conversation = new BackendConversation(backend, notifications, patience);
    backend.pipeline().addLast(conversation.decoder, conversation.listener);
    backend.config().setAutoRead(true);
    if (!backend.isActive()) {
      conversation.fail("the backend's connection is closed");
    }
    return conversation;
  }

  /**
   * Sends a batch and collects a reply for each of its segments. Fails with {@link BackendLost} and
   * nothing else; then the backend is of no more use.
   */
  CompletionStage<List<Reply>> ask(Batch batch) {
    var answer = new CompletableFuture<List<Reply>>();
    if (lost.isPresent()) {
      batch.buffer().release();
      answer.completeExceptionally(lost.get());
      return answer;
    }
    replies = new ArrayList<>();
    expected = batch.segments();
    awaited = Optional.of(answer);
    var _ = backend.writeAndFlush(batch.buffer(), backend.voidPromise());
    return answer;
  }

  /** The parameters that the backend has reported meanwhile, each with its last value. */
  Map<String, String> parameters() {
    return parameters;
  }

  /** Ends; completes once no part of a message is left. Never fails. */
  CompletionStage<Void> close() {
    backend.config().setAutoRead(false);
    var closed = new CompletableFuture<Void>();
    closing = Optional.of(closed);
    closeMaybe();
    return closed;
  }

  private void closeMaybe() {
    if (closing.isEmpty()) {
      return;
    }
    if (!decoder.isEmpty() && lost.isEmpty()) {
      backend.read();
      return;
    }
    var closed = closing.get();
    closing = Optional.empty();
    deadline.cancel(false);
    // A closed channel has let go of its handlers already.
    if (backend.pipeline().context(decoder) != null) {
      backend.pipeline().remove(listener);
      backend.pipeline().remove(decoder);
    }
    closed.complete(null);
  }

  private void fail(String cause) {
    if (lost.isPresent()) {
      return;
    }
    var failure = new BackendLost(cause, farewell);
    lost = Optional.of(failure);
    var waiting = awaited;
    awaited = Optional.empty();
    waiting.ifPresent(answer -> answer.completeExceptionally(failure));
    closeMaybe();
  }

  private void received(TypedMessage message) throws ProtocolViolation {
    var payload = message.content();
    switch (message.type()) {
      case BackendType.DATA_ROW -> reply.row(DataRow.parse(payload));
      case BackendType.COMMAND_COMPLETE -> reply.completed(text(payload));
      case BackendType.EMPTY_QUERY_RESPONSE -> reply.completed("");
      case BackendType.ROW_DESCRIPTION -> reply.shape(RowShape.parse(payload));
      case BackendType.NO_DATA -> reply.shape(RowShape.NO_ROWS);
      case BackendType.ERROR_RESPONSE -> {
        var error = BackendError.of(payload);
        reply.error(error);
        if (error.fields().endsConnection()) {
          farewell = Optional.of(error.message());
          fail(error.toString());
        }
      }
      case BackendType.READY_FOR_QUERY -> {
        reply.ready(payload.readByte());
        replies.add(reply);
        reply = new Reply();
      }
      case BackendType.NOTIFICATION_RESPONSE ->
          notifications.accept(RawMessage.of(message.type(), payload));
      case BackendType.PARAMETER_STATUS -> parameters.put(text(payload), text(payload));
      default -> {
        // ParseComplete and its like, notices, parameter descriptions.
      }
    }
  }

  /** Zero-terminated. */
  private static String text(ByteBuf payload) throws ProtocolViolation {
    int length = payload.bytesBefore((byte) 0);
    if (length < 0) {
      throw ProtocolViolation.of("a string is not terminated");
    }
    var text = payload.readCharSequence(length, ISO_8859_1).toString();
    payload.skipBytes(1);
    return text;
  }

  /** All that was read has been handled. */
  private void handled() {
    if (awaited.isPresent() && replies.size() >= expected) {
      var answer = awaited.get();
      awaited = Optional.empty();
      answer.complete(replies);
    }
    closeMaybe();
  }

  private final class Listener extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      try {
        switch (message) {
          case TypedMessage typed -> received(typed);
          case Malformed malformed -> fail(malformed.error().message());
          default -> {}
        }
      } catch (ProtocolViolation e) {
        fail(e.error().message());
      } finally {
        ReferenceCountUtil.release(message);
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      handled();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      fail("the backend closed its connection");
      context.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      fail("the backend's connection is broken: " + cause.getMessage());
    }
  }
}
