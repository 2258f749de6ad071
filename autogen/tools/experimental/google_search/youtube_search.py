"""AG2's tool that searches YouTube."""

from __future__ import annotations

from typing import Annotated

from ...tool import Tool
from .._web_api import NOTE, Fields, ask_service, check_count, find_key, get_rows, get_text

__all__ = ["YoutubeSearchTool"]

_DETAILS = {
    "viewCount": ("statistics", "viewCount"),
    "likeCount": ("statistics", "likeCount"),
    "commentCount": ("statistics", "commentCount"),
    "duration": ("contentDetails", "duration"),
    "definition": ("contentDetails", "definition"),
}


class YoutubeSearchTool(Tool):
    """The tool `youtube_search`.

    Args:
        youtube_api_key: Key; None for the environment variable `YOUTUBE_API_KEY`.

    Attributes:
        url: Address of the service.

    Raises:
        ValueError: if there is no key.
    """

    url = "https://www.googleapis.com/youtube/v3"

    def __init__(self, *, youtube_api_key: str | None = None) -> None:
        headers = {"X-Goog-Api-Key": find_key(youtube_api_key, "YOUTUBE_API_KEY", "YoutubeSearchTool", "youtube_api_key")}

        def youtube_search(
            query: Annotated[str, "What to search for."],
            max_results: Annotated[int, "Number of videos, at most 50."] = 5,
            include_video_details: Annotated[bool, "True for the length of each video, its views and its likes."] = True,
        ) -> list[dict[str, str]]:
            count = check_count("max_results", max_results, 50)
            params = {"part": "snippet", "q": query, "maxResults": count, "type": "video"}
            videos = list(
                map(_make_video, get_rows(ask_service(f"{self.url}/search", headers=headers, params=params), "items"))
            )
            if not videos or not include_video_details:
                return videos
            # One request for all videos: each costs a part of the quota.
            ids = ",".join(video["videoId"] for video in videos)
            params = {"part": "statistics,contentDetails", "id": ids}
            answer = ask_service(f"{self.url}/videos", headers=headers, params=params)
            details = {get_text(row, "id"): row for row in get_rows(answer, "items")}
            return [
                {**video, **{name: get_text(details.get(video["videoId"]), *path) for name, path in _DETAILS.items()}}
                for video in videos
            ]

        super().__init__(
            name="youtube_search",
            description=f"Search for videos on YouTube. {NOTE}",
            func_or_tool=youtube_search,
            returns="untrusted",
        )


def _make_video(row: Fields) -> dict[str, str]:
    video_id = get_text(row, "id", "videoId")
    fields = ("title", "description", "publishedAt", "channelTitle")
    return {
        **{name: get_text(row, "snippet", name) for name in fields},
        "videoId": video_id,
        "url": f"https://www.youtube.com/watch?v={video_id}",
    }
