"""Tables and pictures of a run; one self-contained HTML page.

A *story* is what a run or a sweep has to tell, as plain numbers and pictures. This room turns a story into bytes; it
runs no model, renders no views and reads no store.

    write_report(story)       -> bytes    the page: HTML without network or libraries
    readme_picture(story)     -> bytes    the same in one picture, PNG
    write_sweep_report(story) -> bytes    the page of a sweep, of the same kind
    table_text(summary)       -> str      the figures, for the end of a run in a terminal
    full_perspective(...)     -> pixels   where an estimate puts its mesh in the crop, as the losses read it
    weak_perspective(...)     -> pixels   the same by SPIN's reading, without a frame around the crop
    overlay(image, ...)       -> picture  a mesh drawn over the picture it was predicted from
"""

from share_dist.report.colours import AFTER_RGB as AFTER_RGB
from share_dist.report.colours import BEFORE_RGB as BEFORE_RGB
from share_dist.report.overlay import full_perspective as full_perspective
from share_dist.report.overlay import overlay as overlay
from share_dist.report.overlay import weak_perspective as weak_perspective
from share_dist.report.page import write_report as write_report
from share_dist.report.picture import readme_picture as readme_picture
from share_dist.report.story import GalleryItem as GalleryItem
from share_dist.report.story import RegionMark as RegionMark
from share_dist.report.story import RoundMark as RoundMark
from share_dist.report.story import SphereSample as SphereSample
from share_dist.report.story import Story as Story
from share_dist.report.story import SurveyRows as SurveyRows
from share_dist.report.sweep_page import write_sweep_report as write_sweep_report
from share_dist.report.sweep_story import Importance as Importance
from share_dist.report.sweep_story import Repeat as Repeat
from share_dist.report.sweep_story import SweepStory as SweepStory
from share_dist.report.sweep_story import SweepTrial as SweepTrial
from share_dist.report.tables import table_text as table_text
