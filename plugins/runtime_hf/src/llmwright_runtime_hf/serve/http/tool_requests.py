"""The fields of a request that are about tools, as OpenAI's chats have them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmwright_runtime_hf.serve.http.openai_errors import ApiError

MOST_TOOLS = 128
"""As OpenAI's API."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Function(_Strict):
    """A function that a model may call. ``strict`` changes nothing: a call that is demanded keeps to the parameters."""

    name: Annotated[str, Field(pattern="^[a-zA-Z0-9_.-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Strict):
    """A tool: only functions are."""

    type: Literal["function"]
    function: Function

    def for_template(self) -> dict[str, Any]:
        """Return the tool as chat templates read it. They ask for a description and parameters without looking."""
        function = {
            "name": self.function.name,
            "description": self.function.description or "",
            "parameters": self.function.parameters or {"type": "object", "properties": {}},
        }
        return {"type": "function", "function": function}


class FunctionName(_Strict):
    """The name of a function that has to be called."""

    name: str


class NamedTool(_Strict):
    """``tool_choice``: that function is called."""

    type: Literal["function"]
    function: FunctionName


class ToolsRequest(BaseModel):
    """The fields themselves."""

    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS, fail_fast=True)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None

    @property
    def reads_calls(self) -> bool:
        """Whether the answer may hold calls."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def tool_parameters(self) -> dict[str, Any]:
        """The JSON schema of the arguments of each tool, by its name."""
        return {tool.function.name: tool.function.parameters for tool in self.tools or ()}

    @property
    def demanded(self) -> list[Tool]:
        """The tools of which one has to be called; none where the model is free."""
        if isinstance(self.tool_choice, NamedTool):
            return [tool for tool in self.tools or () if tool.function.name == self.tool_choice.function.name]
        return list(self.tools or ()) if self.tool_choice == "required" else []

    @property
    def several_calls(self) -> bool:
        """Whether an answer may hold more than one call."""
        return self.parallel_tool_calls is not False and not isinstance(self.tool_choice, NamedTool)


def refuse_wrong_tools(request: ToolsRequest, parser: str | None) -> None:
    """Raise ApiError (400) for tools that nobody reads, a name that stands twice, and a choice of no tool.

    So for parameters that are no object of properties: no format of calls writes others.
    """
    names = [tool.function.name for tool in request.tools or ()]
    if names and parser is None:
        message = "tools: no format of tool calls is known for this model (--tool-call-parser, toolCallParser)"
        raise ApiError(400, message, param="tools", code="unsupported_parameter")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        place = f"tools.{names.index(twice, names.index(twice) + 1)}.function.name"
        raise ApiError(400, f"{place}: {twice} stands twice", param=place, code="invalid_value")
    for index, tool in enumerate(request.tools or ()):
        _refuse_wrong_parameters(tool.function.parameters or {}, f"tools.{index}.function.parameters")
    if request.tool_choice in (None, "none", "auto") or request.demanded:
        return
    chosen = request.tool_choice
    fault = f"{chosen.function.name} is not among the tools" if isinstance(chosen, NamedTool) else "there are no tools"
    raise ApiError(400, f"tool_choice: {fault}", param="tool_choice", code="invalid_value")


def _refuse_wrong_parameters(parameters: dict[str, Any], place: str) -> None:
    """Raise ApiError (400) for a schema whose ``properties`` are none."""
    properties = parameters.get("properties", {})
    wrong = "properties" if not isinstance(properties, dict) else None
    wrong = wrong or next((f"properties.{key}" for key, each in properties.items() if not _is_schema(each)), None)
    if wrong:
        raise ApiError(400, f"{place}.{wrong}: a JSON schema is an object", param=place, code="invalid_value")


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)
