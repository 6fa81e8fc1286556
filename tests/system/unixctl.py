# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A control socket that answers what a test wants, for programs that ask."""

import contextlib
import json
import os
import socket
import threading


class Unixctl:
    """Answers commands; 'commands' are functions of the arguments.

    One that raises LookupError answers with an error, and so does a command
    that is not there, as Open vSwitch's own server says it."""

    def __init__(self, path, **commands):
        self.path = path
        self.commands = {name.replace("_", "/"): command
                         for name, command in commands.items()}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(sock)
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        text = ""
        while True:
            try:
                more = sock.recv(65536)
            except OSError:
                return
            if not more:
                return
            text += more.decode()
            try:
                request, end = json.JSONDecoder().raw_decode(text)
            except ValueError:
                continue
            text = text[end:]
            with contextlib.suppress(BrokenPipeError):  # It may have ended.
                sock.sendall(json.dumps(self._answer(request)).encode())

    def _answer(self, request):
        method = request["method"]
        reply = {"id": request["id"], "result": None, "error": None}
        if method not in self.commands:
            reply["error"] = f'"{method}" is not a valid command (use ' \
                '"list-commands" to see a list of valid commands)'
            return reply
        try:
            reply["result"] = json.dumps(
                self.commands[method](*request["params"]))
        except LookupError as error:
            reply["error"] = str(error.args[0])
        return reply

    def close(self):
        """As if the process had ended."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.open:
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        os.unlink(self.path)
